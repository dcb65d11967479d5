//! What the images of the tests say of themselves.

use ocipkg::ImageName;
use strata_assembler::Meta;

pub fn meta() -> Meta {
    Meta {
        edition: "test".to_owned(),
        name: ImageName::parse("docker.io/strata/test:latest").unwrap(),
        created: "2026-11-23T00:00:00Z".to_owned(),
        platform: "linux/amd64".to_owned(),
        debian: String::new(),
        image: lock::Image {
            title: "Test".to_owned(),
            ..lock::Image::default()
        },
        below: None,
        whole: true,
    }
}
