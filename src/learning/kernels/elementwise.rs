//! Loops over the elements of a batch that get their function handed in: one pass does all that is to be done with an
//! element while it is at hand.

/// Elements of the widest vectors.
const LANES: usize = 16;

/// A loop over elements that gets its function handed in.
pub trait ElementLoop {
    /// Runs over all elements.
    fn run(self, f: impl Fn(f32) -> f32);
}

/// In place.
pub struct InPlace<'a>(pub &'a mut [f32]);

impl ElementLoop for InPlace<'_> {
    #[inline(always)]
    fn run(self, f: impl Fn(f32) -> f32) {
        self.0.iter_mut().for_each(|value| *value = f(*value));
    }
}

/// In place, after a bias for each column.
pub struct Biased<'a> {
    pub values: &'a mut [f32],
    pub biases: &'a [f32],
}

impl ElementLoop for Biased<'_> {
    #[inline(always)]
    fn run(self, f: impl Fn(f32) -> f32) {
        let Biased { values, biases } = self;
        if biases.len() < LANES {
            // Rows of less than a vector: the function runs across them.
            for row in values.chunks_exact_mut(biases.len()) {
                row.iter_mut().zip(biases).for_each(|(value, bias)| *value += bias);
            }
            return InPlace(values).run(f);
        }
        for row in values.chunks_exact_mut(biases.len()) {
            row.iter_mut().zip(biases).for_each(|(value, bias)| *value = f(*value + bias));
        }
    }
}

/// From one buffer to the other, after a bias for each column.
pub struct Keeping<'a> {
    pub pre: &'a mut [f32],
    pub biases: &'a [f32],
    pub active: &'a mut [f32],
}

impl ElementLoop for Keeping<'_> {
    #[inline(always)]
    fn run(self, f: impl Fn(f32) -> f32) {
        let units = self.biases.len();
        for (pre, active) in self.pre.chunks_exact_mut(units).zip(self.active.chunks_exact_mut(units)) {
            for ((z, a), bias) in pre.iter_mut().zip(active).zip(self.biases) {
                *z += bias;
                *a = f(*z);
            }
        }
    }
}

/// Multiplies by a function of another buffer.
pub struct Scaled<'a> {
    pub by: &'a [f32],
    pub values: &'a mut [f32],
}

impl ElementLoop for Scaled<'_> {
    #[inline(always)]
    fn run(self, f: impl Fn(f32) -> f32) {
        self.values.iter_mut().zip(self.by).for_each(|(value, by)| *value *= f(*by));
    }
}

/// The same, and sums up each column.
pub struct ScaledAndSummed<'a> {
    pub by: &'a [f32],
    pub values: &'a mut [f32],
    pub sums: &'a mut [f32],
}

impl ElementLoop for ScaledAndSummed<'_> {
    #[inline(always)]
    fn run(self, f: impl Fn(f32) -> f32) {
        let units = self.sums.len();
        self.sums.fill(0.0);
        for (values, by) in self.values.chunks_exact_mut(units).zip(self.by.chunks_exact(units)) {
            for ((value, by), sum) in values.iter_mut().zip(by).zip(self.sums.iter_mut()) {
                *value *= f(*by);
                *sum += *value;
            }
        }
    }
}
