use super::*;

/// Function, arguments and result as Go 1.26 computes them on amd64, as bits.
const GO_RESULTS: &[(&str, u64, u64, u64)] = &[
    ("log", 0x4013da735e6af2fc, 0x0, 0x3ff9a21b869cc837),
    ("log", 0x401e542378b3c89e, 0x0, 0x400034d6192919fd),
    ("log", 0x3f7eb6e40f1efebe, 0x0, 0xc01392778141a455),
    ("log", 0x407b43bdc509aa01, 0x0, 0x4018500e00273d04),
    ("log", 0x400c06e8a15e56a7, 0x0, 0x3ff40f4357754d69),
    ("log", 0x40164046831a6a2a, 0x0, 0x3ffb75211506eee2),
    ("log", 0x3f67a11084de6c67, 0x0, 0xc01764cb5365a071),
    ("log", 0x3d83282b11132ce5, 0x0, 0xc03ada48480b801e),
    ("log2", 0x3ea1caeee2abc439, 0x0, 0xc034d8c6f4dff768),
    ("log2", 0x3f48025f6cb3d8ac, 0x0, 0xc024d436c825f635),
    ("log2", 0x409051f20257d713, 0x0, 0x40240ea1c361254a),
    ("log2", 0x4083df7ae550e239, 0x0, 0x4022a01edebd188f),
    ("log2", 0x402267c9a5e225e6, 0x0, 0x40099dd1036ce277),
    ("log2", 0x416b6e00cee8210c, 0x0, 0x4037c7152e0d8087),
    ("log2", 0x40701fa07388a02b, 0x0, 0x402005ae7b0d24da),
    ("log2", 0x40203c226fcc924e, 0x0, 0x40082b100314122d),
    ("log10", 0x416be1d2d3732364, 0x0, 0x401ca8da6f183873),
    ("log10", 0x41d8aaf3644a1b7f, 0x0, 0x40227014f5027b97),
    ("log10", 0x40677bda59dc267e, 0x0, 0x400230dca82c9fba),
    ("log10", 0x4080b5fb34c4fc1b, 0x0, 0x4005d33fb9f52599),
    ("log10", 0x4022b17ddeeecd83, 0x0, 0x3fef0f9e70a80d7b),
    ("log10", 0x68ca424a42aba960, 0x0, 0x4068993533e3ec25),
    ("log10", 0x403901e295227923, 0x0, 0x3ff65e7c74b39dd7),
    ("log10", 0x406cd54c08c4d3b1, 0x0, 0x4002e76379a25e5d),
    ("exp", 0x3fb905b6c4fa7aa0, 0x0, 0x3ff1a4939e73dacc),
    ("exp", 0x401b7b92dc09996f, 0x0, 0x408e1ccf0d6d559c),
    ("exp", 0x405f2dfe36d069ff, 0x0, 0x4b2e813b46d8e76a),
    ("exp", 0x4084d05482280117, 0x0, 0x7bfdbdf1e89c2c5a),
    ("exp", 0x4019fe973f0f3328, 0x0, 0x4084c1d0b9fe0125),
    ("exp", 0x3f99cafe1f66aa5c, 0x0, 0x3ff0687b6b49e2bd),
    ("exp", 0xc007badf7b2ffca1, 0x0, 0x3faa5db6ef915182),
    ("exp", 0x8072f62c3dd6bc6c, 0x0, 0x3ff0000000000000),
    ("exp2", 0x21462449644a53a4, 0x0, 0x3ff0000000000000),
    ("exp2", 0x4078d61d24dd4f73, 0x0, 0x58c4da1df96f15e4),
    ("exp2", 0xc06e5f5bd4155053, 0x0, 0x30c0394b670ec094),
    ("exp2", 0xbff032ba7c01e412, 0x0, 0x3fdfb9f9f6a13499),
    ("exp2", 0x40121b32e1297f7c, 0x0, 0x40370c40f383e58b),
    ("exp2", 0x40744c65b221a215, 0x0, 0x543b603303a5a35e),
    ("exp2", 0x4007ceb44e52a1f5, 0x0, 0x401f78750b83118f),
    ("exp2", 0x3fa46d04573699c4, 0x0, 0x3ff072d873db0d1d),
    ("pow", 0xbffc98b349c5ccc0, 0x4069000000000000, 0x4a677a2cf1ab11e0),
    ("pow", 0xc07b692267227f77, 0xc022000000000000, 0xbb001c7ffdfa3e65),
    ("pow", 0xc080ffb2d3c061e7, 0x0, 0x3ff0000000000000),
    ("pow", 0x40126304897609e8, 0xc076600000000000, 0xeb233db7b55bacd),
    ("pow", 0x405f479b3e12b6a1, 0x3fb38814cdfd14b0, 0x3ff720bbfe3b8e54),
    ("pow", 0xc02a9f5e28d53a83, 0x403b000000000000, 0xc63c835256f68b6a),
    ("pow", 0x3f177cd9f7e4aa68, 0xbfe986fc24976dbe, 0x409a78c11e65ea01),
    ("pow", 0x4088662a26842fe1, 0xbfcc024ca2558e50, 0x3fcdcdb33357b946),
];

#[test]
fn results_are_gos_to_the_last_bit() {
    for &(name, x, y, want) in GO_RESULTS {
        let (x, y, want) = (f64::from_bits(x), f64::from_bits(y), f64::from_bits(want));
        let got = match name {
            "log" => log(x),
            "log2" => log2(x),
            "log10" => log10(x),
            "exp" => exp(x),
            "exp2" => exp2(x),
            _ => pow(x, y),
        };
        assert_eq!(got.to_bits(), want.to_bits(), "{name}({x:e}, {y:e}): {got:e}, not {want:e}");
    }
}

#[test]
fn limits_are_those_of_c() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for (got, want) in [
        (exp(710.0), inf),
        (exp(-746.0), 0.0),
        (exp(-inf), 0.0),
        (exp2(1024.0), inf),
        (exp2(-1075.0), 0.0),
        (log(0.0), -inf),
        (log2(8.0), 3.0),
        (log10(-1.0), nan),
        (pow(-0.0, -3.0), -inf),
        (pow(-8.0, 1.0 / 3.0), nan),
        (pow(-1.0, inf), 1.0),
        (pow(nan, 0.0), 1.0),
        (pow(-inf, 3.0), -inf),
        (pow(-2.0, 3.0), -8.0),
        (pow(4.0, 0.5), 2.0),
    ] {
        assert!(got == want || (got.is_nan() && want.is_nan()), "{got}, not {want}");
    }
}

fn kahan(values: &[f64]) -> f64 {
    let mut sum = KahanSum::default();
    values.iter().for_each(|&v| sum.add(v));
    sum.value()
}

fn mean(values: &[f64]) -> f64 {
    let mut mean = Mean::new(values[0]);
    values[1..].iter().for_each(|&v| mean.add(v));
    mean.value()
}

#[test]
fn sums_keep_what_rounding_loses() {
    assert_eq!(kahan(&[1.0, 1e100, 1.0, -1e100]), 2.0);
    assert_eq!(kahan(&[f64::INFINITY, 1.0]), f64::INFINITY);
}

#[test]
fn averages_survive_the_overflow_of_their_sum() {
    assert_eq!(mean(&[1.7e308, 1.7e308, 1.7e308]), 1.7e308);
    assert_eq!(mean(&[1e308, 1e308, -1e308, 5.0]), 2.5e307);
    assert_eq!(mean(&[f64::INFINITY, 1.0]), f64::INFINITY);
    assert!(mean(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
}

#[test]
fn quantiles_lie_between_the_neighbours() {
    let mut values = [3.0, 1.0, f64::NAN, 2.0];
    values.sort_by(nan_first);
    assert!(values[0].is_nan());
    assert_eq!(quantile(0.5, &values[1..]), 2.0);
    assert_eq!(quantile(0.25, &values[1..]), 1.5);
    assert_eq!(quantile(1.0, &values[1..]), 3.0);
    assert_eq!(quantile(-0.1, &values), f64::NEG_INFINITY);
    assert_eq!(quantile(1.1, &values), f64::INFINITY);
    assert!(quantile(0.5, &[]).is_nan());
    assert!(quantile(f64::NAN, &[1.0]).is_nan());
}

#[test]
fn extremes_follow_go() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    assert_eq!(go_max(inf, nan), inf);
    assert!(go_max(-inf, nan).is_nan());
    assert_eq!(go_min(nan, -inf), -inf);
    assert!(go_min(nan, inf).is_nan());
    assert_eq!(go_max(-0.0, 0.0).to_bits(), 0.0_f64.to_bits());
    assert_eq!(go_min(0.0, -0.0).to_bits(), (-0.0_f64).to_bits());
}
