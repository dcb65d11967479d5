//! Strata layer 6: entrypoint, user scripts, image config
