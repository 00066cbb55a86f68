//! Byte strings that mean something to some shell, terminal, parser or tool, and some hundred that no one thought of.

/// How many strings are made up, of each kind.
const MADE: u64 = 100;
/// Length of the longest string, in bytes: the kernel takes up to 128 KiB as one argument.
const LONGEST: usize = 100 << 10;

/// Small deterministic randomness (splitmix64): the same strings in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }
}

/// What shells take for a command: each of them would make the file `canary`.
pub fn commands(canary: &str) -> Vec<String> {
    let touch = format!("touch {canary}");
    let written = format!("true>{canary}");
    [
        "$(@)",
        "`@`",
        ";@;",
        "\n@\n",
        "\r\n@\r\n",
        "&@&",
        "|@",
        "||@",
        "&&@",
        "';@;'",
        "\";@;\"",
        "';@;echo '",
        "\\';@;\\'",
        "(@)",
        "{ @; }",
        "<(@)",
        "=(@)",
        "!@",
        "!!;@",
        "$((`@`))",
        "${x:-`@`}",
        "${x:=$(@)}",
        "$[`@`]",
        "*(e:'@':)",
        "#\n@",
        "'\n@\n'",
        "\"\n@\n\"",
        "EOF\n@\n",
        "-c @",
        "--eval=@",
        "x\\\n;@",
        "\u{a0};@",
        "$'\\n'@",
        "%s;@",
        "and @",
        "; and @",
        "begin; @; end",
        "eval @",
        "-x;@",
        "~;@",
    ]
    .iter()
    .flat_map(|form| [form.replace('@', &touch), form.replace('@', &written)])
    .collect()
}

/// Bytes that are no text, and text that is more than it seems.
fn corpus() -> Vec<Vec<u8>> {
    let text = [
        "",
        " ",
        "  two  spaces  ",
        "-",
        "--",
        "-n",
        "-e",
        "--help",
        "-rf",
        "\n",
        "\n\n",
        "trailing\n",
        "\r",
        "\t",
        "'",
        "\"",
        "\\",
        "\\\\",
        "\\n",
        "`",
        "$",
        "$$",
        "$?",
        "$HOME",
        "${HOME}",
        "$PATH",
        "%HOME%",
        "!",
        "!!",
        "!-1",
        "^a^b",
        "*",
        "?",
        "[a-z]*",
        "/*",
        "/etc/p*",
        "{a,b}",
        "{1..9}",
        "~",
        "~root",
        "=ls",
        "a=b",
        "#",
        "# comment",
        ";",
        "&",
        "|",
        "<",
        ">",
        ">>",
        "2>&1",
        "(",
        ")",
        "()",
        "[",
        "]",
        "{",
        "}",
        "/../../etc/passwd",
        "null",
        "true",
        "{\"hex\":\"00\"}",
        "{\"a\":1}",
        "SORTIE/1 abcdefgh 2 00",
        "SORTIE-SH/1 x put 0 0 /",
        "żółć 日本語 🦀",
        "\u{feff}bom",
        "\u{202e}right to left",
        "a\u{301}",
        "\u{7f}",
        "\u{85}",
        "\u{2028}",
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07",
        "\x01\x02\x03\x04",
        "\x08\x08",
        "\x11\x13",
        "\x1a",
        "\x04",
    ];
    let bytes: [&[u8]; 7] = [b"\xa0", b"\xff\xfe", b"\x80abc", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"latin \xe9t\xe9"];
    text.iter().map(|text| text.as_bytes().to_vec()).chain(bytes.map(<[u8]>::to_vec)).collect()
}

/// All of them, none with a NUL. `canary` is the file that those which are commands would make.
pub fn nasty(canary: &str) -> Vec<Vec<u8>> {
    let mut random = Random(85);
    let pieces: Vec<Vec<u8>> = corpus().into_iter().chain(commands(canary).into_iter().map(String::into_bytes)).collect();
    let mut all = pieces.clone();
    for _ in 0..MADE {
        let length = random.below(200);
        all.push((0..length).map(|_| u8::try_from(1 + random.below(255)).unwrap()).collect());
        all.push((0..random.below(12)).flat_map(|_| pieces[random.below(pieces.len())].clone()).collect());
    }
    let long: Vec<u8> = commands(canary).concat().into_bytes();
    all.push(long.iter().copied().cycle().take(LONGEST).collect());
    all
}
