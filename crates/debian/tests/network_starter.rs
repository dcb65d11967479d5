//! The shipped lock's own system, made for real: it needs the network (or a store that has the
//! packages: `STRATA_STORE`), a sandbox, 2 GB of disk and a minute, so it runs only when asked for:
//! `cargo test -p strata-debian --test network_starter -- --ignored`.

use std::time::Instant;

use debian::System;
use layer::Context;
use lock::{LayerName, Lock};
use strata_debian as debian;

#[test]
#[ignore = "needs the network, 2 GB of disk and a minute"]
fn network_the_starter_lock_becomes_a_system() {
    let cx = Context::from_env().unwrap();
    let lock = Lock::starter().unwrap();
    let system = System::from_lock(&lock);
    for layer in [LayerName::Base, LayerName::Python] {
        let start = Instant::now();
        let stage = system.stage(&cx, layer).unwrap();
        let took = start.elapsed();
        println!(
            "{layer}: {} entries, {took:.1?}, {}",
            stage.tree.len(),
            stage.root.display()
        );
        assert_eq!(stage.packages.len(), lock.debs_of(layer).count());
        let dpkg = sandbox::Sandbox::new(&stage.root).writable(false);
        let audit = dpkg.run("/usr/bin/dpkg", ["--audit"], b"").unwrap();
        assert_eq!(String::from_utf8_lossy(&audit.stdout), "");
    }
}
