//! Elementary functions as straight lines of arithmetic, which compilers turn into vectors.
//!
//! Accurate to a few ulp over all of f32 (the tests say how many), NaN for NaN. No branch, no table, no call.

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E, TAU};

/// Adding it to |x| < 2²² and taking it away again rounds x to a whole number, which stands in the low bits meanwhile.
const ROUNDING: f32 = 12_582_912.0; // 1.5 · 2²³
/// ln 2 in two parts, the first with trailing zeros so that its product with a small whole number is exact.
const LN_2: (f32, f32) = (355.0 / 512.0, -2.121_944_4e-4);

/// x = n·ln 2 + r with |r| ≤ ln 2 / 2: n as a whole number, and r.
#[inline(always)]
fn reduce(x: f32) -> (i32, f32) {
    let shifted = x * LOG2_E + ROUNDING;
    let n = shifted - ROUNDING;
    let whole = (shifted.to_bits() as i32).wrapping_sub(ROUNDING.to_bits() as i32);
    (whole, (x - n * LN_2.0) - n * LN_2.1)
}

/// (eʳ − 1 − r) / r² for |r| ≤ ln 2 / 2: the Taylor series, whose next term is below 1e-9.
#[inline(always)]
fn remainder(r: f32) -> f32 {
    const C: [f32; 6] = [1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0];
    C[0] + r * (C[1] + r * (C[2] + r * (C[3] + r * (C[4] + r * C[5]))))
}

/// 2ⁿ for −126 ≤ n ≤ 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

/// eˣ
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Beyond, the result is 0 or ∞ in any case.
    let (n, r) = reduce(x.clamp(-110.0, 90.0));
    // In two factors, since 2ⁿ alone may be out of range.
    let half = n >> 1;
    (1.0 + (r + r * r * remainder(r))) * power_of_two(half) * power_of_two(n - half)
}

/// eˣ − 1 for x ≤ 88, to a few ulp near 0 too.
#[inline(always)]
pub fn exp_m1(x: f32) -> f32 {
    let (n, r) = reduce(x.clamp(-80.0, 88.0));
    let scale = power_of_two(n);
    let small = r + r * r * remainder(r);
    scale * small + (scale - 1.0)
}

/// The logistic function 1 / (1 + e⁻ˣ).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    // For x ≪ 0, e⁻ˣ is ∞ and the result 0, as it should be.
    1.0 / (1.0 + exp(-x))
}

/// tanh x = e / (e + 2) with e = e^{2x} − 1
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    // From 20 on it is 1 in f32. Not f32::min, which drops NaN.
    let size = x.abs();
    let e = exp_m1(2.0 * if size > 20.0 { 20.0 } else { size });
    (e / (e + 2.0)).copysign(x)
}

/// sin 2πt and cos 2πt: t counts turns.
#[inline(always)]
pub fn sine_and_cosine(t: f32) -> (f32, f32) {
    // Whole turns change nothing, and taking them away is exact.
    let r = t - t.round_ties_even();
    let size = r.abs();
    let sine = quarter(if size > 0.25 { 0.5 - size } else { size });
    (sine.copysign(r), quarter(0.25 - size))
}

/// sin 2πy for |y| ≤ ¼: the Taylor series, whose next term is below 6e-8.
#[inline(always)]
fn quarter(y: f32) -> f32 {
    const C: [f32; 5] = [-1.0 / 6.0, 1.0 / 120.0, -1.0 / 5040.0, 1.0 / 362_880.0, -1.0 / 39_916_800.0];
    let x = TAU * y;
    let q = x * x;
    x + x * q * (C[0] + q * (C[1] + q * (C[2] + q * (C[3] + q * C[4]))))
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^{−|x|})
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    let u = exp(-x.abs());
    // ln(1 + u) = 2 artanh s with s = u / (2 + u) ≤ 1/3, by its series.
    const C: [f32; 8] = [1.0, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0];
    let s = u / (2.0 + u);
    let q = s * s;
    let series = C[0] + q * (C[1] + q * (C[2] + q * (C[3] + q * (C[4] + q * (C[5] + q * (C[6] + q * C[7]))))));
    // Not f32::max, which drops NaN.
    (if x < 0.0 { 0.0 } else { x }) + 2.0 * s * series
}

/// tanh(softplus(x)) with one exponential: with e = eˣ and n = e(e + 2), tanh(ln(1 + e)) = n / (n + 2).
#[inline(always)]
pub fn tanh_softplus(x: f32) -> f32 {
    // From 20 on it is 1 in f32.
    let e = exp(if x > 20.0 { 20.0 } else { x });
    let n = e * (e + 2.0);
    n / (n + 2.0)
}

/// The derivative of x · tanh(softplus(x)) with one exponential: with e and n as in [`tanh_softplus`],
/// n / (n + 2) + 4x · e(e + 1) / (n + 2)².
#[inline(always)]
pub fn mish_derivative(x: f32) -> f32 {
    // From 20 on it is 1 in f32.
    let x = if x > 20.0 { 20.0 } else { x };
    let e = exp(x);
    let n = e * (e + 2.0);
    let share = 1.0 / (n + 2.0);
    // Multiplied in this order no product leaves what f32 holds.
    share * (n + 4.0 * x * e * ((e + 1.0) * share))
}

/// e^{−x²/2}, with the square in two parts since its rounding would count for much in the tails.
#[inline(always)]
fn bell(x: f32) -> f32 {
    let high = f32::from_bits(x.to_bits() & 0xffff_f000);
    exp(-0.5 * high * high) * exp(-0.5 * (x - high) * (x + high))
}

/// The standard normal density and distribution function: φ(x) = e^{−x²/2} / √(2π) and Φ(x).
///
/// Φ(−|x|) = t e^{−x²/2} P(t) / 2 with t = 1 / (1 + |x|/√8): the form is that of Press et al., "Numerical Recipes"
/// (erfc), the polynomial a fit of our own, off by 2.3e-8 at most for |x| ≤ 14.2:
///
/// ```python
/// import numpy as np, mpmath as mp
/// mp.mp.dps = 40
/// low, high = 1 / (1 + 10.1 / 2), 1.0
/// f = lambda t: mp.erfc(2 * (1 / t - 1)) * mp.e ** ((2 * (1 / t - 1)) ** 2) / t
/// ts = [(low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (2 * i + 1) / 800) for i in range(400)]
/// ys = np.array([float(f(mp.mpf(t))) for t in ts])
/// fit = np.polynomial.chebyshev.Chebyshev.fit(ts, ys, 9, domain=[low, high], w=1 / ys)
/// print(fit.convert(kind=np.polynomial.Polynomial).coef)
/// ```
#[inline(always)]
#[allow(clippy::excessive_precision)]
pub fn normal(x: f32) -> (f32, f32) {
    const P: [f32; 10] = [
        0.282_063_628,
        0.282_878_459,
        0.238_425_527,
        0.226_771_442,
        -0.102_494_093,
        0.430_225_710,
        -0.682_184_963,
        0.439_076_602,
        -0.127_993_546,
        0.013_231_217_9,
    ];
    let bell = bell(x);
    let t = 1.0 / (1.0 + 0.5 * FRAC_1_SQRT_2 * x.abs());
    let polynomial = P[4] + t * (P[5] + t * (P[6] + t * (P[7] + t * (P[8] + t * P[9]))));
    let polynomial = P[0] + t * (P[1] + t * (P[2] + t * (P[3] + t * polynomial)));
    let tail = 0.5 * t * bell * polynomial;
    (0.398_942_28 * bell, if x > 0.0 { 1.0 - tail } else { tail })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest error in ulp of the exact value, over values of every size and sign whose exact value is normal.
    fn worst(f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64, range: std::ops::RangeInclusive<f32>) -> (f64, f32) {
        let mut worst = (0.0, 0.0);
        for bits in (0..=u32::MAX).step_by(2039) {
            let x = f32::from_bits(bits);
            let want = exact(f64::from(x));
            if !range.contains(&x) || (want as f32 != 0.0 && !(want as f32).is_normal()) {
                continue;
            }
            let ulp = f64::from(f32::EPSILON) * (want.abs().log2().floor().exp2()).max(f64::from(f32::MIN_POSITIVE));
            let off = (f64::from(f(x)) - want).abs() / ulp;
            if off > worst.0 {
                worst = (off, x);
            }
        }
        worst
    }

    #[track_caller]
    fn within(ulps: f64, f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) {
        let (off, at) = worst(f, exact, f32::MIN..=f32::MAX);
        assert!(off <= ulps, "{off} ulp at {at}");
    }

    #[test]
    fn functions_are_accurate_to_a_few_ulp_of_f64() {
        within(2.0, exp, f64::exp);
        within(3.0, |x| exp_m1(x.min(88.0)), |x| x.min(88.0).exp_m1());
        within(3.0, sigmoid, |x| 1.0 / (1.0 + (-x).exp()));
        within(4.0, tanh, f64::tanh);
        within(4.0, softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p());
        within(4.0, tanh_softplus, |x| (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh());
        // Near −1.19 the terms take each other away, and what is left has no digits to spare.
        for x in (-400..=400).map(|x| x as f32 / 10.0) {
            let wide = f64::from(x);
            let t = (wide.max(0.0) + (-wide.abs()).exp().ln_1p()).tanh();
            let exact = t + wide * (1.0 - t * t) / (1.0 + (-wide).exp());
            assert!((f64::from(mish_derivative(x)) - exact).abs() < 4e-7, "{x}: {exact}");
        }
        let root = 2f64.sqrt();
        within(7.0, |x| normal(x).1, |x| 0.5 * libm::erfc(-x / root));
        within(3.0, |x| normal(x).0, |x| (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt());
    }

    #[test]
    fn sine_and_cosine_are_accurate_for_turns_of_every_size() {
        let (mut off, mut turns) = (0f64, Vec::new());
        turns.extend((0..=40_000).map(|i| i as f32 / 10_000.0 - 2.0));
        turns.extend([1e-30, -1e-7, 0.25, 0.5, 0.75, 1e6 + 0.25, -8_388_607.5, 1e30]);
        for t in turns {
            let (sine, cosine) = sine_and_cosine(t);
            // Whole turns are taken away first, which f64 does exactly.
            let angle = (f64::from(t) - f64::from(t).round()) * 2.0 * std::f64::consts::PI;
            off = off.max((f64::from(sine) - angle.sin()).abs()).max((f64::from(cosine) - angle.cos()).abs());
        }
        assert!(off < 3e-7, "{off}");
        assert!(sine_and_cosine(f32::NAN).0.is_nan() && sine_and_cosine(f32::INFINITY).1.is_nan());
        assert_eq!([sine_and_cosine(0.0).0, sine_and_cosine(3.0).0], [0.0, 0.0]);
    }

    #[test]
    fn nothing_and_infinity_pass_as_they_should() {
        for f in [exp, exp_m1, sigmoid, tanh, softplus, tanh_softplus, mish_derivative] {
            assert!(f(f32::NAN).is_nan());
        }
        assert_eq!(mish_derivative(f32::MAX), 1.0);
        assert!(normal(f32::NAN).1.is_nan());
        assert_eq!([exp(f32::INFINITY), exp(f32::NEG_INFINITY), exp(0.0)], [f32::INFINITY, 0.0, 1.0]);
        assert_eq!([sigmoid(f32::INFINITY), sigmoid(f32::NEG_INFINITY)], [1.0, 0.0]);
        assert_eq!([tanh(1e4), tanh(-1e4), tanh(0.0), exp_m1(-1e4)], [1.0, -1.0, 0.0, -1.0]);
        assert_eq!([softplus(1e4), softplus(-1e4), normal(1e4).1, normal(-1e4).1], [1e4, 0.0, 1.0, 0.0]);
    }
}
