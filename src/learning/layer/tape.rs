//! What passes between a forward and a backward pass, and between two layers.

/// A tape (saved activations): what the backward pass needs of a layer's forward pass.
///
/// # Shapes
/// Each buffer holds up to the workspace's rows × units, row-major; `bias_gradient` has units.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    /// z, where the activation's derivative needs it.
    pub(super) pre: Vec<f32>,
    /// a = f(z)
    pub(super) active: Vec<f32>,
    /// 0 or 1/(1 − p) for each unit of each row, where the layer has dropout.
    pub(super) mask: Vec<f32>,
    /// a ⊙ mask, where the layer has dropout.
    pub(super) dropped: Vec<f32>,
    /// ∂L/∂output on entry of the backward pass, ∂L/∂z after it.
    pub gradient: Vec<f32>,
    /// Of waves: their cosines, and their sines, which the backward pass turns into ∂L/∂z.
    pub(super) cosines: Vec<f32>,
    pub(super) sines: Vec<f32>,
    /// ∂L/∂input, transposed; empty unless it is wanted and found that way.
    pub(super) transposed: Vec<f32>,
    /// ∂L/∂biases after the backward pass: the sum over the rows of ∂L/∂z.
    pub(super) bias_gradient: Vec<f32>,
}

impl Tape {
    /// What the next layer sees: rows × units.
    pub fn output(&self, values: usize) -> &[f32] {
        if self.dropped.is_empty() { &self.active[..values] } else { &self.dropped[..values] }
    }

    pub(super) fn active_mut(&mut self, values: usize) -> &mut [f32] {
        &mut self.active[..values]
    }

    /// The activation before dropout: rows × units.
    pub fn active(&self, values: usize) -> &[f32] {
        &self.active[..values]
    }
}

/// Where a layer's ∂L/∂input goes.
pub struct InputGradient<'a> {
    /// rows × inputs
    pub values: &'a mut [f32],
    /// Columns from the left that are left as they are: nobody asks for their gradient.
    pub skipped: usize,
}
