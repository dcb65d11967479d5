//! Layers to an OCI image: parallel build, manifest, config, layout, archive
