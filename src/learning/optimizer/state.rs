//! What an optimizer remembers from step to step.

use super::settings::Optimizer;
use super::step::{ParameterGroup, Step, Stepper};

/// An optimizer at work on one parameter buffer.
#[derive(Clone, Debug)]
pub struct OptimizerState {
    optimizer: Optimizer,
    pub(in crate::learning) first: Vec<f32>,
    pub(in crate::learning) second: Vec<f32>,
    pub(in crate::learning) steps: u64,
}

impl OptimizerState {
    /// State for `parameters` parameters before the first step.
    pub fn new(optimizer: Optimizer, parameters: usize) -> Self {
        let buffers = optimizer.state_buffers();
        let fill =
            if let Optimizer::Adagrad { initial_accumulator, .. } = optimizer { initial_accumulator } else { 0.0 };
        OptimizerState {
            first: vec![fill as f32; if buffers > 0 { parameters } else { 0 }],
            second: vec![0.0; if buffers > 1 { parameters } else { 0 }],
            optimizer,
            steps: 0,
        }
    }

    /// Takes one step over all `groups` of `parameters`; `gradients` has the same layout.
    pub fn step(&mut self, parameters: &mut [f32], gradients: &[f32], groups: &[ParameterGroup], step: &Step) {
        let (stepper, [first, second]) = self.begin(step);
        for group in groups {
            let range = group.range.clone();
            let part = |buffer: &mut [f32]| if buffer.is_empty() { 0..0 } else { range.clone() };
            let (first_part, second_part) = (part(first), part(second));
            let (first, second) = (&mut first[first_part], &mut second[second_part]);
            stepper.step(group, &mut parameters[range.clone()], &gradients[range], first, second);
        }
    }

    /// Begins a step: what takes it, block by block, and the state's two buffers, each of the parameters' layout or empty.
    pub(in crate::learning) fn begin(&mut self, step: &Step) -> (Stepper, [&mut [f32]; 2]) {
        self.steps += 1;
        (Stepper::new(self.optimizer, self.steps, *step), [&mut self.first, &mut self.second])
    }
}
