//! The web interface as bytes: what `ui/` builds, embedded in the program.
//!
//! The bundle in `ui/dist` is committed, so that building the program needs no
//! JavaScript tools; `make test` checks that it matches its source. File names
//! carry no hash: servers answer with [`Asset::etag`] and let browsers ask again.

use std::io::Write;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;

/// One file of the web interface.
#[derive(Debug)]
pub struct Asset {
    /// Its path below the root, without a leading slash: `assets/app.js`.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
    gzip: OnceLock<Vec<u8>>,
    etag: OnceLock<String>,
}

impl Asset {
    const fn new(path: &'static str, content_type: &'static str, bytes: &'static [u8]) -> Asset {
        Asset { path, content_type, bytes, gzip: OnceLock::new(), etag: OnceLock::new() }
    }

    /// The content compressed with gzip; made once, on first use.
    pub fn gzip(&self) -> &[u8] {
        self.gzip.get_or_init(|| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(self.bytes).expect("writing to memory cannot fail");
            encoder.finish().expect("writing to memory cannot fail")
        })
    }

    /// The value of its `ETag` header, quotes included: changes with the content.
    pub fn etag(&self) -> &str {
        self.etag.get_or_init(|| format!("\"{:x}-{:x}\"", self.bytes.len(), crc32c::crc32c(self.bytes)))
    }
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! asset {
    ($path:literal, $content_type:expr) => {
        Asset::new($path, $content_type, include_bytes!(concat!("../../../ui/dist/", $path)))
    };
}

static ASSETS: [Asset; 10] = [
    asset!("index.html", HTML),
    asset!("favicon.svg", SVG),
    asset!("assets/app.js", SCRIPT),
    asset!("assets/preact.js", SCRIPT),
    asset!("assets/index.css", STYLE),
    asset!("assets/pages.js", SCRIPT),
    asset!("assets/explore.js", SCRIPT),
    asset!("assets/plots.js", SCRIPT),
    asset!("assets/codemirror.js", SCRIPT),
    asset!("assets/third-party-licenses.txt", TEXT),
];

/// The file at `path` (without a leading slash), if there is one.
pub fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// The page that every path of the interface shows.
pub fn index() -> &'static Asset {
    &ASSETS[0]
}

/// The paths, below the root, at which the interface has a page.
///
/// Source: the routes of Prometheus' own interface, `web/web.go`.
pub const PAGES: [&str; 10] = [
    "query",
    "alerts",
    "rules",
    "targets",
    "service-discovery",
    "status",
    "tsdb-status",
    "flags",
    "config",
    "alertmanager-discovery",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn files_below(dir: &Path, prefix: &str, out: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                files_below(&entry.path(), &format!("{name}/"), out);
            } else {
                out.push(name);
            }
        }
    }

    #[test]
    fn every_built_file_is_embedded() {
        let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist");
        let mut built = Vec::new();
        files_below(&dist, "", &mut built);
        built.sort();
        let mut embedded: Vec<_> = ASSETS.iter().map(|a| a.path.to_owned()).collect();
        embedded.sort();
        assert_eq!(built, embedded);
    }

    #[test]
    fn first_paint_stays_below_60_kb_compressed() {
        let first = ["index.html", "favicon.svg", "assets/app.js", "assets/preact.js", "assets/index.css"];
        let size: usize = first.iter().map(|path| asset(path).unwrap().gzip().len()).sum();
        assert!(size < 60_000, "{size} bytes");
    }

    #[test]
    fn etags_tell_files_apart() {
        assert_ne!(index().etag(), asset("favicon.svg").unwrap().etag());
        assert!(asset("assets/nothing.js").is_none());
    }
}
