//! Where a snapshot archive of Debian has the state of a time: a template, in which
//! `@SNAPSHOTID@` stands for the time, as in the `Snapshots` field of Debian's Release files.

use super::Place;
use crate::Result;

/// What stands for the time.
const MARK: &str = "@SNAPSHOTID@";

/// The root of the archive at a time, such as `20261030T080801Z`. In a template without a mark
/// the time is the last folder. `setting` stands in messages: what says so.
///
/// # Errors
/// [`crate::Error::Place`] when the template is no address.
pub fn at(setting: &str, template: &str, time: &str) -> Result<Place> {
    let template = template.trim();
    if template.contains(MARK) {
        Place::parse(setting, &template.replace(MARK, time))
    } else {
        Place::parse(
            setting,
            &format!("{}/{time}", template.trim_end_matches('/')),
        )
    }
}

/// The template of a mirror that is a snapshot itself: one folder of its path is a time.
pub(super) fn template(place: &Place) -> Option<String> {
    let path = place.url().path();
    let found = path.split('/').find(|folder| is_time(folder))?;
    let mut url = place.url().clone();
    url.set_path(&path.replacen(found, MARK, 1));
    Some(url.to_string())
}

fn is_time(folder: &str) -> bool {
    let shape = |(at, byte): (usize, u8)| match at {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    folder.len() == 16 && folder.bytes().enumerate().all(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates() {
        let time = "20261030T080801Z";
        let at = |template: &str| at("t", template, time).unwrap().to_string();
        assert_eq!(
            at("http://s.test/debian"),
            format!("http://s.test/debian/{time}/")
        );
        assert_eq!(
            at("http://s.test/@SNAPSHOTID@/d/"),
            format!("http://s.test/{time}/d/")
        );
        let own = |address: &str| template(&Place::parse("t", address).unwrap());
        let found = own("http://u:p@s.test/archive/20250101T000000Z/debian").unwrap();
        assert_eq!(found, format!("http://u:p@s.test/archive/{MARK}/debian/"));
        assert_eq!(own("http://s.test/archive/20250101T00000Z/"), None);
    }
}
