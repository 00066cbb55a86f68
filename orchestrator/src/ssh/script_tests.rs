//! The remote command: what it may be made of, and what it does under every shell at hand.

use super::*;

#[test]
fn the_command_can_stand_in_single_quotes_of_every_shell() {
    let inside = COMMAND.strip_prefix("/bin/sh -c '").and_then(|c| c.strip_suffix("'")).unwrap();
    for bad in ['\'', '!', '\n', '\\', '\r', '\t', '\0'] {
        assert!(!inside.contains(bad), "{bad:?}");
    }
    assert!(inside.is_ascii() && COMMAND.len() < 4096, "{} bytes", COMMAND.len());
    assert!(COMMAND_BY_SUDO.strip_suffix(COMMAND).is_some_and(|before| before.ends_with("sudo -n -H -- ")));
}
