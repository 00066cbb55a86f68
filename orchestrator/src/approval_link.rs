//! One-use links with which a person who has no token decides about an approval.
//!
//! A link names the approval, the revision it was made for, who decides by it and in which roles, and until when; all of it
//! is signed. It is used up when that person's decision is in the journal: there is nothing else to remember. Opening it
//! shows the question; only a POST decides, since programs that scan mail open every link.

use crate::driver::Driver;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sortie_core::ids::{Ms, WaitId};
use sortie_core::view::ApprovalStep;
use sortie_keys::{KeyRing, UrlFault};

/// Where the pages are, before the id.
pub const PREFIX: &str = "/v1/approvals/";
/// Characters of a name or of all roles in a link.
pub const NAME_CHARS: usize = 256;
/// What such links are signed for.
const PURPOSE: &str = "approval";

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalLink {
    /// The approval.
    pub id: WaitId,
    /// The revision that the person is to see.
    pub revision: u64,
    /// Who decides by it.
    pub by: String,
    /// In which roles.
    pub roles: Vec<String>,
    /// Until when, Unix seconds.
    pub expires_s: i64,
}

impl ApprovalLink {
    /// The link as a URL. It is a secret: whoever has it can decide.
    ///
    /// # Errors
    /// For people.
    pub fn sign(&self, ring: &KeyRing, installation: &str, public_url: &str) -> Result<String, String> {
        let Fields { id, revision, by, roles, expires } = self.fields();
        if by.is_empty() || by.len() > 2 * NAME_CHARS || roles.len() > 2 * NAME_CHARS {
            return Err(format!("a link names one person and at most {NAME_CHARS} characters of roles"));
        }
        let signed = ring.sign_link(PURPOSE, &[installation, &id, &revision, &by, &roles, &expires]);
        let signed = signed.ok_or("the root key that signs links is gone")?;
        let base = public_url.trim_end_matches('/');
        Ok(format!("{base}{PREFIX}{id}?rev={revision}&by={by}&roles={roles}&kid={}&exp={expires}&sig={}", signed.kid, signed.sig))
    }

    /// The link of a request, where it is genuine and not over.
    ///
    /// # Errors
    /// The first check that failed; outside, all of them look the same.
    pub fn verify(ring: &KeyRing, installation: &str, id: &str, query: &str, now_s: i64) -> Result<Self, UrlFault> {
        let mut parts = query.split('&');
        let mut next =
            |name: &str| parts.next().and_then(|part| part.strip_prefix(name)).filter(|value| is_plain(value)).ok_or(UrlFault::Form);
        let (revision, by, roles) = (next("rev=")?, next("by=")?, next("roles=")?);
        let (kid, expires, sig) = (next("kid=")?, next("exp=")?, next("sig=")?);
        if parts.next().is_some() {
            return Err(UrlFault::Form);
        }
        ring.verify_link(PURPOSE, &[installation, id, revision, by, roles, expires], kid, sig)?;
        let text = |field: &str| URL_SAFE_NO_PAD.decode(field).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(UrlFault::Form);
        let link = Self {
            id: WaitId::parse(id).map_err(|_| UrlFault::Form)?,
            revision: revision.parse().map_err(|_| UrlFault::Form)?,
            by: text(by)?,
            roles: text(roles)?.split(',').filter(|role| !role.is_empty()).map(str::to_owned).collect(),
            expires_s: expires.parse().map_err(|_| UrlFault::Form)?,
        };
        if now_s >= link.expires_s { Err(UrlFault::Expired) } else { Ok(link) }
    }

    fn fields(&self) -> Fields {
        Fields {
            id: self.id.to_string(),
            revision: self.revision.to_string(),
            by: URL_SAFE_NO_PAD.encode(&self.by),
            roles: URL_SAFE_NO_PAD.encode(self.roles.join(",")),
            expires: self.expires_s.to_string(),
        }
    }
}

/// The fields as they stand in the URL and are signed.
struct Fields {
    id: String,
    revision: String,
    by: String,
    roles: String,
    expires: String,
}

/// Empty for no roles.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Links for a notice about an approval, each with whom it is for: one for each role that may decide, and one for anybody where
/// no role is asked for. All who share a link count as one person.
///
/// # Errors
/// For people.
pub fn approval_links(driver: &Driver, approval: &ApprovalStep, deadline_at: Ms) -> Result<Vec<(String, String)>, String> {
    let parts = driver.parts();
    let one = |by: &str, roles: Vec<String>| {
        let link = ApprovalLink {
            id: approval.id.clone(),
            revision: approval.revision,
            by: by.to_owned(),
            roles,
            expires_s: deadline_at.div_euclid(1_000),
        };
        link.sign(driver.ring(), &parts.installation.id, parts.config.audience()).map(|url| (by.to_owned(), url))
    };
    if approval.approvers.is_empty() {
        return Ok(vec![one("anybody", Vec::new())?]);
    }
    approval.approvers.iter().map(|role| one(role, vec![role.clone()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> ApprovalLink {
        let id = WaitId::new(1, &sortie_core::ids::Entropy([1; 32]), 0);
        ApprovalLink { id, revision: 7, by: "Ann Ø & co".to_owned(), roles: vec!["leads".to_owned(), "ops".to_owned()], expires_s: 2_000 }
    }

    fn parts(url: &str) -> (String, String) {
        let (path, query) = url.split_once('?').unwrap();
        (path.rsplit('/').next().unwrap().to_owned(), query.to_owned())
    }

    #[test]
    fn a_link_reads_back_and_nothing_in_it_can_be_changed() {
        let folder = tempfile::tempdir().unwrap();
        let ring = KeyRing::create(&folder.path().join("keys"), 1).unwrap();
        let url = link().sign(&ring, "inst_1", "https://sortie.example/").unwrap();
        assert!(url.starts_with("https://sortie.example/v1/approvals/wait_"), "{url}");
        let (id, query) = parts(&url);
        let holds = |installation: &str, id: &str, query: &str, now_s| ApprovalLink::verify(&ring, installation, id, query, now_s);
        assert_eq!(holds("inst_1", &id, &query, 1_999), Ok(link()));
        assert_eq!(holds("inst_1", &id, &query, 2_000), Err(UrlFault::Expired));
        assert_eq!(holds("inst_2", &id, &query, 1), Err(UrlFault::Signature));
        let other = WaitId::new(2, &sortie_core::ids::Entropy([2; 32]), 0);
        assert_eq!(holds("inst_1", other.as_str(), &query, 1), Err(UrlFault::Signature));
        let leads = URL_SAFE_NO_PAD.encode("leads,ops");
        for (from, to) in [("rev=7", "rev=8"), ("exp=2000", "exp=9000"), (leads.as_str(), &URL_SAFE_NO_PAD.encode("*"))] {
            assert!(query.contains(from), "{query}");
            assert_eq!(holds("inst_1", &id, &query.replace(from, to), 1), Err(UrlFault::Signature), "{from}");
        }
        for query in [format!("{query}&x=1"), query.replace("rev=7&", ""), query.replace("rev=7", "rev=%37"), String::new()] {
            assert_eq!(holds("inst_1", &id, &query, 1), Err(UrlFault::Form), "{query}");
        }
    }

    #[test]
    fn a_link_needs_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let ring = KeyRing::create(&folder.path().join("keys"), 1).unwrap();
        let nobody = ApprovalLink { by: String::new(), ..link() };
        assert!(nobody.sign(&ring, "inst_1", "https://sortie.example").is_err());
        let anybody = ApprovalLink { roles: Vec::new(), ..link() };
        let (id, query) = parts(&anybody.sign(&ring, "inst_1", "https://sortie.example").unwrap());
        assert_eq!(ApprovalLink::verify(&ring, "inst_1", &id, &query, 1).unwrap().roles, Vec::<String>::new());
    }
}
