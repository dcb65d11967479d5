//! The list of kernels that the start-up check goes through beside those that have a flag of ComfyUI's.
//! It has names alone: a newer version of a kernel changes the perf layer's part and not this one.

use lock::{LayerName, Lock};

/// Beside the program that reads it.
pub(crate) const PLACE: &str = "/runner-scripts/kernels.txt";

/// What the edition itself asks for in the perf layer; what that depends on is no kernel.
pub(crate) fn text(lock: &Lock) -> String {
    let wheels = lock.wheels_of(LayerName::Perf);
    let wheels = wheels.filter(|wheel| wheel.requested).map(|one| &one.name);
    let sdists = lock.sdists_of(LayerName::Perf);
    let sdists = sdists.filter(|sdist| sdist.requested).map(|one| &one.name);
    let mut names: Vec<_> = wheels.chain(sdists).map(String::as_str).collect();
    names.sort_unstable();
    let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
    format!("# The packages that the edition wants in the perf layer.\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_listed_and_what_comes_with_it_is_not() {
        let mut lock = Lock::starter().unwrap();
        let lines = |lock: &Lock| {
            let text = text(lock);
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            assert!(lines.remove(0).starts_with('#'));
            lines
        };
        assert_eq!(lines(&lock), ["sageattention"]);
        let wheels = &mut lock.wheels;
        let mut nunchaku = wheels
            .iter()
            .find(|one| one.name == "sageattention")
            .cloned();
        let nunchaku = nunchaku.as_mut().unwrap();
        nunchaku.name = "nunchaku".to_owned();
        wheels.push(nunchaku.clone());
        nunchaku.name = "diffusers".to_owned();
        nunchaku.requested = false;
        wheels.push(nunchaku.clone());
        assert_eq!(lines(&lock), ["nunchaku", "sageattention"]);
        // Another version is no change here.
        let before = text(&lock);
        for wheel in &mut lock.wheels {
            wheel.version = "9".to_owned();
        }
        assert_eq!(text(&lock), before);
    }
}
