//! A whole edition from the merged sheet, and what can only be checked there.

use std::collections::BTreeMap;

use lock::Problem;

use crate::{Debian, Edition, Image, Layer, Python, PythonSource, read::Reading, sheet::Sheet};

/// The whole edition; `None` when something is missing, which is then reported.
pub(crate) fn finish(
    reading: &mut Reading,
    sheet: Sheet,
    shown: &str,
    text: &str,
    name: &str,
) -> Option<Edition> {
    for (missing, table, key, example) in [
        (sheet.suite.is_none(), "debian", "suite", "forky"),
        (sheet.python_version.is_none(), "python", "version", "3.14"),
        (sheet.title.is_none(), "image", "title", "ComfyUI"),
    ] {
        if missing {
            let message = format!("the edition has no `{key}` in [{table}]");
            let hint = format!("add [{table}] with `{key} = \"{example}\"`, or `extends`");
            reading
                .problems
                .push(Problem::new(shown, text, 0..0, message, hint));
        }
    }
    let source = python_source(reading, &sheet);
    let mut owner_of = BTreeMap::new();
    for (index_name, index) in &sheet.indexes {
        for package in &index.packages {
            if let Some(other) = owner_of.insert(package.clone(), index_name.clone()) {
                reading.problem(
                    index,
                    format!("the index {index_name:?} lists {package}, which {other:?} lists too"),
                    "a package comes from one index: keep it in one of the two".to_owned(),
                );
            }
        }
    }
    let layers: BTreeMap<_, _> = sheet
        .layers
        .into_iter()
        .map(|(name, layer)| {
            let layer = Layer {
                debian: layer.debian,
                python: layer.python,
                constraints: layer.constraints,
                exclude_newer: layer.exclude_newer,
                sources: layer.sources,
            };
            (name, layer)
        })
        .filter(|(_, layer)| *layer != Layer::default())
        .collect();
    let mut files = std::mem::take(&mut reading.files);
    for line in layers
        .values()
        .flat_map(|layer| layer.python.iter().chain(&layer.constraints))
    {
        let path = std::path::PathBuf::from(&*line.place.file);
        if line.listed_in.is_some() && !files.contains(&path) {
            files.push(path);
        }
    }
    Some(Edition {
        name: name.to_owned(),
        files,
        from: sheet.from.filter(|from| !from.value.is_empty()),
        debian: Debian {
            suite: sheet.suite?,
            snapshot: sheet.snapshot,
            components: if sheet.components.is_empty() {
                vec!["main".to_owned()]
            } else {
                sheet
                    .components
                    .into_iter()
                    .map(|item| item.value)
                    .collect()
            },
            architecture: sheet
                .architecture
                .map_or("amd64".to_owned(), |item| item.value),
            recommends: sheet.recommends.unwrap_or(false),
        },
        python: Python {
            version: sheet.python_version?,
            source: source?,
            exclude_newer: sheet.exclude_newer,
            from_source: sheet.from_source,
            pylock: sheet.pylock,
        },
        image: Image {
            title: sheet.title?.value,
            description: sheet.description.map(|item| item.value).unwrap_or_default(),
            env: sheet.env,
            labels: sheet.labels,
        },
        layers,
        indexes: sheet.indexes,
        builds: sheet.builds,
        owners: sheet.owners,
    })
}

fn python_source(reading: &mut Reading, sheet: &Sheet) -> Option<PythonSource> {
    let version = sheet.python_version.as_ref()?;
    let standalone = sheet
        .python_source
        .as_ref()
        .filter(|source| source.value == "python-build-standalone");
    match (standalone, &sheet.archive, &sheet.archive_sha256) {
        (Some(_), Some(url), Some(sha256)) => Some(PythonSource::Standalone {
            url: url.clone(),
            sha256: sha256.value,
        }),
        (Some(source), ..) => {
            reading.problem(
                source,
                "python-build-standalone needs `archive` and `sha256`".to_owned(),
                "give the archive's URL and its sha256, which the release lists".to_owned(),
            );
            None
        }
        (None, Some(url), _) => {
            reading.problem(
                url,
                "`archive` is for python-build-standalone alone".to_owned(),
                "add `source = \"python-build-standalone\"`, or leave the archive out".to_owned(),
            );
            None
        }
        (None, None, _) if version.free_threaded => {
            reading.problem(
                version,
                format!("Debian has no free-threaded Python ({})", version.value),
                "add `source = \"python-build-standalone\"` with `archive` and `sha256`".to_owned(),
            );
            None
        }
        (None, None, _) => Some(PythonSource::Debian),
    }
}
