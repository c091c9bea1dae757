use std::path::Path;
use std::sync::Arc;

use narthex_env::files::Crash;
use narthex_env::{Files, RealFiles, SimFiles};
use narthex_model::{Labels, MatchOp, Matcher, labels};
use narthex_storage::{Grouping, SelectHints, SeriesColumns, Storage};
use proptest::prelude::*;

use crate::store::queriers;
use crate::testing::*;
use crate::*;

fn no_pacing() -> impl FnMut(u64) -> bool {
    |_| true
}

fn compact(files: &Arc<dyn Files>, parents: &[Arc<Block>], ulid: Ulid) -> Option<Meta> {
    let mut progress = no_pacing();
    let options = CompactOptions { floats: narthex_chunkenc::FloatEncoding::Xor, progress: &mut progress };
    compact_blocks(files, &data(), parents, ulid, options).unwrap()
}

fn all() -> Vec<Matcher> {
    vec![Matcher::new(MatchOp::Regex, "__name__", ".+").unwrap()]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(files: &dyn Files, path: &Path) -> Vec<u8> {
    files.open(path).unwrap().read_all().unwrap()
}

#[test]
fn a_block_is_upstreams_byte_for_byte() {
    let files = sim();
    let samples = vec![(1000, 1.0), (2000, 1.0), (3000, 2.0), (4001, 2.5), (5000, 2.25)];
    let block = block(&files, &data(), ulid(1), &[(labels! { "__name__" => "a" }, samples)]);
    let read = |name: &str| hex(&bytes(&*files, &block.dir().join(name)));
    assert_eq!(read("chunks/000001"), "85bd40dd0100000019010005d00f3ff0000000000000e8073097ffe0007683bffeda16fd6fc815");
    let toc = "0000000000000005000000000000001d000000000000002e0000000000000050000000000000002e0000000000000050";
    let index = "baaad70002000000100000000300085f5f6e616d655f5f0161b43941ff0000000901010201d00fa01f083842dbac00000000000800000001000000025502add10000000800000001000000025502add100000015000000020200003002085f5f6e616d655f5f01614060b7df92";
    assert_eq!(read("index"), format!("{index}{toc}07bbf5fe"));
    assert_eq!(read("tombstones"), "0130ba300100000000");
    let names: Vec<String> = files.list(block.dir()).unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["chunks", "index", "meta.json", "tombstones"]);
    assert_eq!(block.meta().stats.num_float_samples, 5);
}

/// 200 series of several metrics, two chunks and more each.
fn many() -> Vec<TestSeries> {
    let series = (0..200).map(|i: i64| {
        let labels = Labels::from_pairs([
            ("__name__", format!("metric_{}", i % 7)),
            ("instance", format!("host-{i:03}:9090")),
            ("job", if i % 3 == 0 { "api".into() } else { "node".into() }),
            ("zone", if i % 5 == 0 { String::new() } else { format!("z{}", i % 4) }),
        ]);
        let samples = (0..130).map(|at| (at * 15_000 + i, (at * i) as f64)).collect();
        (labels, samples)
    });
    series.collect()
}

fn matcher(op: MatchOp, name: &str, value: &str) -> Matcher {
    Matcher::new(op, name, value).unwrap()
}

#[test]
fn series_are_found_as_by_trying_each() {
    use MatchOp::{Equal, NotEqual, NotRegex, Regex};
    let files = sim();
    let series = many();
    let block = block(&files, &data(), ulid(1), &series);
    let querier = block.querier(i64::MIN, i64::MAX);
    let lists = [
        vec![matcher(Equal, "__name__", "metric_3")],
        vec![matcher(Equal, "__name__", "metric_3"), matcher(NotEqual, "job", "api")],
        vec![matcher(Regex, "__name__", "metric_[35]"), matcher(Regex, "instance", "host-0.*")],
        vec![matcher(Equal, "__name__", "metric_3"), matcher(Regex, "instance", ".*[05]:9090")],
        vec![matcher(Equal, "__name__", "metric_3"), matcher(NotRegex, "instance", ".*[05]:9090")],
        vec![matcher(Regex, "__name__", "metric_1|metric_2|none"), matcher(Equal, "zone", "")],
        vec![matcher(NotEqual, "zone", "")],
        vec![matcher(Equal, "zone", ""), matcher(Regex, "zone", "z1|")],
        vec![matcher(Regex, "zone", "z[12]|")],
        vec![matcher(NotRegex, "zone", "z1|z2")],
        vec![matcher(NotRegex, "zone", "z.+")],
        vec![matcher(NotRegex, "zone", "")],
        vec![matcher(Regex, "zone", ".*"), matcher(Equal, "job", "node")],
        vec![matcher(Equal, "job", "none")],
        vec![matcher(Equal, "none", "x")],
        vec![matcher(NotEqual, "none", "x"), matcher(Equal, "none", "")],
        vec![matcher(Regex, "none", ".+")],
        vec![],
    ];
    for matchers in lists {
        let satisfies = |labels: &Labels| matchers.iter().all(|m| m.matches(labels.value(m.name())));
        let mut want: Vec<&TestSeries> = series.iter().filter(|series| satisfies(&series.0)).collect();
        want.sort_by(|a, b| a.0.cmp(&b.0));
        let got = everything(&*querier, &matchers);
        let labels = |series: &[&TestSeries]| series.iter().map(|s| s.0.clone()).collect::<Vec<_>>();
        assert_eq!(got.iter().map(|s| s.0.clone()).collect::<Vec<_>>(), labels(&want), "{matchers:?}");
        for (got, want) in got.iter().zip(&want) {
            assert_eq!(got.1, want.1.iter().map(|s| (s.0, s.1.to_bits())).collect::<Vec<_>>());
        }
        for name in ["__name__", "instance", "zone", "none"] {
            let mut values: Vec<&str> = want.iter().filter_map(|series| series.0.get(name)).collect();
            values.sort_unstable();
            values.dedup();
            assert_eq!(querier.label_values(name, &matchers, 0).unwrap(), values, "{name} {matchers:?}");
            values.truncate(2);
            assert_eq!(querier.label_values(name, &matchers, 2).unwrap(), values, "{name} {matchers:?}");
        }
        let mut names: Vec<&str> = want.iter().flat_map(|series| series.0.iter().map(|pair| pair.0)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(querier.label_names(&matchers, 0).unwrap(), names, "{matchers:?}");
    }
    let set = querier.select(&SelectHints::default(), &all()).unwrap();
    for grouping in [Grouping::By(vec!["job".into(), "zone".into()]), Grouping::Without(vec!["instance".into()])] {
        let groups = set.group(&grouping);
        for (index, &group) in groups.group_of.iter().enumerate() {
            assert_eq!(groups.labels[group as usize], grouping.labels_of(&set.labels(index)));
        }
    }
}

#[test]
fn only_samples_and_series_in_the_range_are_read() {
    let files = sim();
    let series = [
        (labels! { "__name__" => "early" }, vec![(0, 1.0), (1, 1.0)]),
        (labels! { "__name__" => "late" }, (0..300).map(|t| (t * 10, t as f64)).collect()),
    ];
    let block = block(&files, &data(), ulid(1), &series);
    let got = everything(&*block.querier(1995, 2010), &all());
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].1, [(2000, 200f64.to_bits()), (2010, 201f64.to_bits())]);
    let hints = SelectHints { start_ms: 2000, end_ms: 2005, ..SelectHints::default() };
    let set = block.querier(0, 10_000).select(&hints, &all()).unwrap();
    let mut columns = SeriesColumns::default();
    set.read(0, &mut columns).unwrap();
    assert_eq!(columns.floats.timestamps, [2000]);
    let store = BlockStore::new([block]);
    assert_eq!(store.querier(2991, 9000).unwrap().label_names(&[], 0).unwrap(), [""; 0]);
}

#[test]
fn deleted_samples_are_hidden_and_then_left_out() {
    let files = sim();
    let series = [
        (labels! { "__name__" => "a" }, (0..300).map(|t| (t * 10, t as f64)).collect::<Vec<_>>()),
        (labels! { "__name__" => "b" }, vec![(5, 5.0), (6, 6.0)]),
    ];
    let block = block(&files, &data(), ulid(1), &series);
    let before = block.querier(i64::MIN, i64::MAX);
    assert_eq!(block.delete(&[Matcher::equal("__name__", "a")], 500, 1995).unwrap(), 1);
    assert_eq!(block.delete(&[Matcher::equal("__name__", "b")], 0, i64::MAX).unwrap(), 1);
    assert_eq!(block.delete(&[Matcher::equal("__name__", "b")], 7, 8).unwrap(), 0);
    let want: Vec<(i64, u64)> =
        series[0].1.iter().filter(|s| !(500..=1995).contains(&s.0)).map(|s| (s.0, s.1.to_bits())).collect();
    let reopened = open(&files, &data(), ulid(1));
    for block in [&block, &reopened] {
        let got = everything(&*block.querier(i64::MIN, i64::MAX), &all());
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].1, want);
        assert_eq!(block.meta().stats.num_tombstones, 2);
    }
    assert_eq!(everything(&*before, &all()).len(), 2);

    let mut progress = no_pacing();
    let options = CompactOptions { floats: Default::default(), progress: &mut progress };
    let meta = rewrite_block(&files, &data(), &block, ulid(2), options).unwrap().unwrap();
    assert_eq!(meta.compaction.parents, [block.meta().as_parent()]);
    assert_eq!((meta.compaction.level, meta.stats.num_series, meta.stats.num_samples), (1, 1, 150));
    let cleaned = open(&files, &data(), ulid(2));
    assert_eq!(everything(&*cleaned.querier(i64::MIN, i64::MAX), &all())[0].1, want);
    assert!(cleaned.tombstones().is_empty());

    cleaned.delete(&all(), i64::MIN, i64::MAX).unwrap();
    assert_eq!(compact(&files, &[cleaned], ulid(3)), None);
    assert_eq!(list_blocks(&*files, &data()).unwrap(), [ulid(1), ulid(2)]);
}

#[test]
fn compaction_copies_what_it_can() {
    let files = sim();
    let early: Vec<TestSeries> =
        many().into_iter().map(|(l, s)| (l, s.into_iter().filter(|s| s.0 < 900_000).collect())).collect();
    let late: Vec<TestSeries> =
        many().into_iter().skip(50).map(|(l, s)| (l, s.into_iter().filter(|s| s.0 >= 900_000).collect())).collect();
    let parents = [block(&files, &data(), ulid(1), &early), block(&files, &data(), ulid(2), &late)];
    let meta = compact(&files, &parents, ulid(3)).unwrap();
    assert_eq!(meta.compaction.level, 2);
    assert_eq!(meta.compaction.sources, [ulid(1), ulid(2)]);
    let chunks: u64 = parents.iter().map(|parent| parent.meta().stats.num_chunks).sum();
    assert_eq!((meta.stats.num_chunks, meta.stats.num_series), (chunks, 200));
    let merged = open(&files, &data(), ulid(3));
    let blocks = BlockStore::new(parents.clone());
    let both = blocks.querier(i64::MIN, i64::MAX).unwrap();
    assert_eq!(everything(&*merged.querier(i64::MIN, i64::MAX), &all()), everything(&*both, &all()));

    let loaded = load_blocks(&files, &data(), &PageCache::new(0), &parents).unwrap();
    assert_eq!(loaded.live().map(|block| block.meta().ulid).collect::<Vec<_>>(), [ulid(3)]);
    for ulid in &loaded.deletable {
        remove_block(&*files, &data(), *ulid).unwrap();
    }
    assert_eq!(list_blocks(&*files, &data()).unwrap(), [ulid(3)]);
}

#[test]
fn hints_go_over_as_upstream_has_it() {
    let files = sim();
    let one = [(labels! { "__name__" => "a" }, vec![(1, 1.0)])];
    let with = |number: u64, hints: &[&str]| {
        let block = block(&files, &data(), ulid(number), &one);
        block.change_meta(|meta| hints.iter().for_each(|hint| meta.compaction.add_hint(hint))).unwrap();
        block
    };
    let (late, stale, plain) = (
        with(1, &[meta::HINT_FROM_OUT_OF_ORDER]),
        with(2, &[meta::HINT_FROM_STALE_SERIES, meta::HINT_FROM_OUT_OF_ORDER]),
        with(3, &[]),
    );
    let hints = |number, parents: &[Arc<Block>]| compact(&files, parents, ulid(number)).unwrap().compaction.hints;
    assert_eq!(hints(4, &[late.clone(), stale.clone()]), ["from-out-of-order", "from-stale-series"]);
    assert_eq!(hints(5, &[late, stale, plain]), ["from-stale-series"]);
}

#[test]
fn canceling_leaves_nothing() {
    let files = sim();
    let parent = block(&files, &data(), ulid(1), &many());
    // A series of a mebibyte, so that progress is asked for.
    let noise = |t: i64| f64::from_bits((t as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let large = [(labels! { "__name__" => "large" }, (0..200_000).map(|t| (t, noise(t))).collect())];
    let large = block(&files, &data(), ulid(2), &large);
    let mut progress = |_| false;
    let options = CompactOptions { floats: Default::default(), progress: &mut progress };
    let result = compact_blocks(&files, &data(), &[parent, large], ulid(3), options);
    assert!(matches!(result, Err(BlockError::Canceled)));
    assert_eq!(files.list(&data()).unwrap().len(), 2);
}

#[test]
fn broken_orders_are_refused_in_upstreams_words() {
    let files = sim();
    let table = SymbolTable::of([&labels! { "a" => "b", "c" => "d" }]);
    let writer = || {
        let mut writer = BlockWriter::create(&files, &data(), Meta::new(ulid(1), 0, 1)).unwrap();
        writer.add_symbols(&table).unwrap();
        writer
    };
    let chunks = encode(&[(1, 1.0), (2, 2.0)]);
    let chunk = ChunkData::from(&chunks[0]);
    let pairs = |labels: &Labels| table.pairs(labels).unwrap();
    let mut first = writer();
    first.add_series(&pairs(&labels! { "c" => "d" }), &[chunk]).unwrap();
    let error = first.add_series(&pairs(&labels! { "a" => "b", "c" => "d" }), &[chunk]).unwrap_err();
    assert_eq!(error.to_string(), r#"out-of-order series added with label set {a="b", c="d"}"#);
    drop(first);
    let error = writer().add_series(&pairs(&labels! { "a" => "b" }), &[chunk, chunk]).unwrap_err();
    assert_eq!(error.to_string(), "chunk minT 1 is not higher than previous chunk maxT 2");
    assert_eq!(files.list(&data()).unwrap().len(), 0);
}

#[test]
fn postings_do_not_depend_on_the_passes() {
    let files = sim();
    let series = many();
    block(&files, &data(), ulid(1), &series);
    let path = |number| data().join(ulid(number).to_string()).join("index");
    let dir = data().join("passes");
    files.create_dir_all(&dir).unwrap();
    let mut sorted = series.clone();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let table = SymbolTable::of(sorted.iter().map(|series| &series.0));
    let mut index = index::IndexWriter::create(files.clone(), &dir).unwrap();
    index.set_pass_entries_max(1);
    let mut chunks = chunks::ChunkWriter::create(files.clone(), &dir).unwrap();
    let texts: Vec<Labels> = sorted.iter().map(|series| series.0.clone()).collect();
    let mut symbols: Vec<&str> = texts.iter().flatten().flat_map(|(name, value)| [name, value]).chain([""]).collect();
    symbols.sort_unstable();
    symbols.dedup();
    for symbol in symbols {
        index.add_symbol(symbol).unwrap();
    }
    for (labels, samples) in &sorted {
        let encoded = encode(samples);
        let mut metas = Vec::new();
        chunks.write(&encoded.iter().map(ChunkData::from).collect::<Vec<_>>(), &mut metas).unwrap();
        index.add_series(&table.pairs(labels).unwrap(), &metas).unwrap();
    }
    index.finish().unwrap();
    assert_eq!(bytes(&*files, &dir.join("index")), bytes(&*files, &path(1)));
}

#[test]
fn chunks_go_on_in_the_next_file() {
    let files = sim();
    let dir = data().join("segments");
    files.create_dir_all(&dir).unwrap();
    let mut writer = chunks::ChunkWriter::create(files.clone(), &dir).unwrap().with_file_len_max(100);
    let encoded = encode(&[(1, 1.0), (2, 2.0)]);
    let chunk = ChunkData::from(&encoded[0]);
    let mut metas = Vec::new();
    // Each counts as its data and ten bytes.
    let counted = chunk.data.len() as u64 + 10;
    writer.write(&[chunk; 6], &mut metas).unwrap();
    assert_eq!(writer.finish().unwrap(), 6usize.div_ceil(((100 - 8) / counted) as usize));
    let opened = chunks::ChunkFiles::open(&*files, &dir).unwrap();
    let mut cursor = chunks::reader::ChunkCursor::default();
    for number in 0..metas.len() {
        assert_eq!(cursor.chunk(&opened, &metas, number).unwrap().data, chunk.data);
    }
    files.remove_file(&dir.join("chunks/000001")).unwrap();
    assert!(chunks::ChunkFiles::open(&*files, &dir).is_err());
}

#[test]
fn damage_is_found_where_it_is() {
    let files = Arc::new(SimFiles::new(1));
    files.create_dir_all(&data()).unwrap();
    let shared: Arc<dyn Files> = files.clone();
    let series = many();
    block(&shared, &data(), ulid(1), &series);
    let dir = data().join(ulid(1).to_string());
    let read = || -> Result<usize, String> {
        let block = Block::open(&shared, &dir, &PageCache::new(1 << 20)).map_err(|error| error.to_string())?;
        let querier = Arc::new(block).querier(i64::MIN, i64::MAX);
        let set = querier.select(&SelectHints::default(), &all()).map_err(|error| error.to_string())?;
        for index in 0..set.len() {
            set.labels(index);
            set.read(index, &mut SeriesColumns::default()).map_err(|error| error.to_string())?;
        }
        Ok(set.len())
    };
    assert_eq!(read(), Ok(200));
    for name in ["index", "chunks/000001"] {
        let path = dir.join(name);
        let len = shared.open(&path).unwrap().len().unwrap() as usize;
        let mut unnoticed = 0;
        for at in (0..len).step_by(len / 150) {
            files.flip_bit(&path, at, 3).unwrap();
            // Padding between sections and postings that were not read cannot be noticed.
            unnoticed += usize::from(read() == Ok(200));
            files.flip_bit(&path, at, 3).unwrap();
        }
        assert!(unnoticed < if name == "index" { 75 } else { 2 }, "{name}: {unnoticed}");
    }
}

#[test]
fn a_crash_leaves_a_whole_block_or_none() {
    let series: Vec<TestSeries> = many().into_iter().take(10).collect();
    for seed in 0..300 {
        let files = Arc::new(SimFiles::new(seed));
        files.create_dir_all(&data()).unwrap();
        files.stop_after(seed % 41);
        let shared: Arc<dyn Files> = files.clone();
        let meta = Meta::new(ulid(1), 0, 10_000_000);
        let written = write(&shared, &data(), meta, &series);
        files.restart(if seed % 2 == 0 { Crash::Kill } else { Crash::PowerCut });
        remove_leftovers(&*files, &data()).unwrap();
        let loaded = load_blocks(&shared, &data(), &PageCache::new(0), &[]).unwrap();
        assert!(loaded.skipped.is_empty() && loaded.corrupt.is_empty(), "{seed}: {loaded:?}");
        assert!(written.is_err() || loaded.blocks.len() == 1, "{seed}");
        if let Some(block) = loaded.blocks.first() {
            assert_eq!(everything(&*block.querier(i64::MIN, i64::MAX), &all()).len(), 10, "{seed}");
        }
    }
}

#[test]
fn a_crash_in_a_deletion_leaves_it_done_or_not() {
    for seed in 0..60 {
        let files = Arc::new(SimFiles::new(seed));
        files.create_dir_all(&data()).unwrap();
        let shared: Arc<dyn Files> = files.clone();
        let opened = block(&shared, &data(), ulid(1), &[(labels! { "__name__" => "a" }, vec![(1, 1.0), (2, 2.0)])]);
        files.stop_after(seed % 11);
        let deleted = opened.delete(&all(), 2, 2);
        let removed = deleted.is_ok().then(|| remove_block(&*files, &data(), ulid(1)));
        files.restart(Crash::PowerCut);
        remove_leftovers(&*files, &data()).unwrap();
        let loaded = load_blocks(&shared, &data(), &PageCache::new(0), &[]).unwrap();
        assert!(loaded.skipped.is_empty() && loaded.corrupt.is_empty(), "{seed}: {loaded:?}");
        match loaded.blocks.first() {
            Some(block) => {
                let samples = everything(&*block.querier(i64::MIN, i64::MAX), &all())[0].1.len();
                assert!(samples == 1 || samples == 2 && deleted.is_err(), "{seed}");
                assert!(!matches!(removed, Some(Ok(()))), "{seed}");
            }
            None => assert!(removed.is_some(), "{seed}"),
        }
    }
}

#[test]
fn a_linked_block_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let original = block(&files, dir.path(), ulid(1), &many());
    let snapshot = dir.path().join("snapshots");
    files.create_dir_all(&snapshot).unwrap();
    link_block(&*files, original.dir(), &snapshot, ulid(1)).unwrap();
    remove_block(&*files, dir.path(), ulid(1)).unwrap();
    let linked = open(&files, &snapshot, ulid(1));
    let read = |block: &Arc<Block>| everything(&*block.querier(i64::MIN, i64::MAX), &all());
    assert_eq!(read(&linked), read(&original));
}

/// A directory of upstream's corpus, or a word that there is none.
fn upstream(name: &str) -> Option<std::path::PathBuf> {
    let roots = [
        std::env::var_os("NARTHEX_UPSTREAM").map(|root| Path::new(&root).join("tsdb/testdata")),
        Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/upstream/tsdb")),
    ];
    let found = roots.into_iter().flatten().map(|root| root.join(name)).find(|dir| dir.exists());
    if found.is_none() {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "skipped: upstream's {name} is not at hand");
    }
    found
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::write(to.join(entry.file_name()), std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

#[test]
fn upstreams_block_of_format_1_is_read_and_compacted() {
    let Some(dir) = upstream("index_format_v1") else { return };
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let old = Arc::new(Block::open(&files, &dir, &PageCache::new(1 << 20)).unwrap());
    let read = |block: &Arc<Block>, matchers: &[Matcher]| everything(&*block.querier(i64::MIN, i64::MAX), matchers);
    let stats = old.meta().stats;
    let series = read(&old, &[]);
    assert_eq!(series.len() as u64, stats.num_series);
    assert_eq!(series.iter().map(|s| s.1.len() as u64).sum::<u64>(), stats.num_samples);
    assert!(series.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let labelled = |name: &str| read(&old, &[matcher(MatchOp::NotEqual, name, "")]).len();
    for name in ["bar", "foo", "none"] {
        assert_eq!(labelled(name), series.iter().filter(|series| series.0.get(name).is_some()).count());
    }
    assert_eq!(read(&old, &[matcher(MatchOp::Regex, "bar", "1.?")]).len(), 11);
    assert_eq!(old.index().label_names().collect::<Vec<_>>(), ["bar", "foo"]);

    let to = tempfile::tempdir().unwrap();
    let mut progress = no_pacing();
    let options = CompactOptions { floats: Default::default(), progress: &mut progress };
    compact_blocks(&files, to.path(), std::slice::from_ref(&old), ulid(5), options).unwrap().unwrap();
    assert_eq!(read(&open(&files, to.path(), ulid(5)), &[]), series);
}

#[test]
fn upstreams_wrong_versions_are_repaired() {
    const NAME: &str = "01BZJ9WJQPWHGNC2W4J9TA62KC";
    let Some(from) = upstream("repair_index_version") else { return };
    let to = tempfile::tempdir().unwrap();
    copy(&from, to.path());
    let dir = to.path().join(NAME);
    std::fs::create_dir_all(dir.join("chunks")).unwrap();
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    let cache = PageCache::new(0);
    let error = Block::open(&files, &dir, &cache).unwrap_err();
    assert_eq!(error.to_string(), "unexpected meta file version 2");
    assert!(repair_index_version(&*files, &dir).unwrap());
    assert!(!repair_index_version(&*files, &dir).unwrap());
    let block = Block::open(&files, &dir, &cache).unwrap();
    assert_eq!(block.index().label_names().collect::<Vec<_>>(), ["b"]);
    assert_eq!(block.index().symbol_count(), 4);
}

/// Samples of up to three series, in order of time.
fn any_series() -> impl Strategy<Value = Vec<TestSeries>> {
    let samples = prop::collection::btree_map(0i64..400, 0u32..100, 1..60);
    prop::collection::btree_map(0u32..3, samples, 1..3).prop_map(|series| {
        let one = |(name, samples): (u32, std::collections::BTreeMap<i64, u32>)| {
            let samples = samples.into_iter().map(|(t, v)| (t, f64::from(v))).collect();
            (labels! { "__name__" => format!("m{name}") }, samples)
        };
        series.into_iter().map(one).collect()
    })
}

proptest! {
    #[test]
    fn overlapping_blocks_lose_no_timestamp(parts in prop::collection::vec(any_series(), 1..4), deleted in (0i64..400, 0i64..100)) {
        let files = sim();
        let mut parents: Vec<Arc<Block>> =
            parts.iter().enumerate().map(|(at, part)| block(&files, &data(), ulid(at as u64), part)).collect();
        parents.sort_by_key(|parent| parent.meta().min_time);
        parents[0].delete(&[Matcher::equal("__name__", "m1")], deleted.0, deleted.0 + deleted.1).unwrap();
        let merged = merge_queriers_of(&parents);
        let want = everything(&*merged, &all());
        let meta = compact(&files, &parents, ulid(100));
        prop_assert_eq!(meta.is_none(), want.iter().all(|series| series.1.is_empty()));
        if meta.is_some() {
            let compacted = open(&files, &data(), ulid(100));
            let got = everything(&*compacted.querier(i64::MIN, i64::MAX), &all());
            let times = |all: &[(Labels, Vec<(i64, u64)>)]| {
                let some = all.iter().filter(|series| !series.1.is_empty());
                some.map(|s| (s.0.clone(), s.1.iter().map(|x| x.0).collect::<Vec<_>>())).collect::<Vec<_>>()
            };
            prop_assert_eq!(times(&got), times(&want));
            for (labels, samples) in &got {
                for sample in samples {
                    let is_given = parts.iter().flatten().any(|(l, s)| {
                        l == labels && s.iter().any(|s| (s.0, s.1.to_bits()) == *sample)
                    });
                    prop_assert!(is_given);
                }
            }
        }
    }

    #[test]
    fn any_index_ends_in_an_answer(at in 0usize..4000, with: Vec<u8>) {
        let files = sim();
        let original = block(&files, &data(), ulid(1), &many()[..20]);
        let path = original.dir().join("index");
        let mut bytes = bytes(&*files, &path);
        let at = at % bytes.len();
        let len = with.len().min(bytes.len() - at);
        bytes[at..at + len].copy_from_slice(&with[..len]);
        files.create(&path).unwrap().append(&bytes).unwrap();
        let Ok(index) = index::Index::open(&*files, original.dir(), &PageCache::new(0)) else { return Ok(()) };
        for name in ["__name__", "zone"] {
            let _ = select::label_values(&index, name, &[], 0);
            let _ = select::label_names(&index, &all(), 0);
        }
    }
}

fn merge_queriers_of(blocks: &[Arc<Block>]) -> Arc<dyn narthex_storage::Querier> {
    narthex_storage::merge::merge_queriers(queriers(blocks, i64::MIN, i64::MAX))
}
