//! Debian packages: unpacked in parallel, configured by dpkg in the sandbox
