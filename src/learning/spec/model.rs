//! A model: its specification as it is asked for, and the checked one that everything else works with.

use super::embedding::{Embedding, check_embeddings};
use super::front::{Parametrization, Waves, check_columns};
use super::initial::{LayerParameters, flatten};
use super::layer::{LayerSpec, ValidLayer, check_widths};
use crate::learning::activation::{Activation, OutputActivation};
use crate::learning::error::{SpecError, SpecErrorKind, require};
use crate::learning::init::Initializer;
use crate::learning::loss::Loss;

/// Weights and biases of a model: 400 MB of f32.
pub const MAX_PARAMETERS: usize = 100_000_000;
/// Largest seed: every integer up to it is exact in a JSON number.
pub const MAX_SEED: u64 = (1 << 53) - 1;

/// A model as it is asked for.
///
/// | setting | default | range | purpose |
/// |---|---|---|---|
/// | `layers` | – | 2 to 64 entries, widths 1 to 65,536 | inputs of the first layer, then one entry per layer |
/// | `embeddings` | none | up to 1,000 | tables for the codes of the input's last columns |
/// | `unclipped` | none | | columns that come smoothly clipped, and are seen without their clip |
/// | `waves` | none | | periodic values beside some of the input's columns |
/// | `scale` | false | | a factor for each column in front of the first layer |
/// | `parametrization` | `standard` | | how large steps are against each other |
/// | `activation` | `relu` | | of the hidden layers |
/// | `output_activation` | by the loss | | of the last layer |
/// | `loss` | `mse` | | what training minimises |
/// | `quantile` | 0.5 | above 0, below 1 | the quantile that the loss `quantile` answers |
/// | `initializer` | `glorot_uniform` | | how weights are drawn |
/// | `initial_parameters` | – | shaped as the layers | weights and biases to start from instead |
/// | `seed` | 0 | 0 to 2⁵³ − 1 | draws the initial parameters |
#[derive(Clone, Debug, Default)]
pub struct ModelSpec {
    /// Inputs of the first layer, then one entry per layer. The first entry is the input width where there are no
    /// embeddings; else it counts their vectors in place of their codes. The values of waves are counted too.
    pub layers: Vec<LayerSpec>,
    /// Embeddings of the input's last columns, in their order.
    pub embeddings: Vec<Embedding>,
    /// Columns of the input that come smoothly clipped and are seen without their clip, ascending: see
    /// [`Unclip`](crate::learning::layer::Unclip).
    pub unclipped: Vec<usize>,
    /// Waves of some of the input's columns.
    pub waves: Option<Waves>,
    /// Whether each column has a factor in front of the first layer.
    pub scale: bool,
    /// How large steps are against each other.
    pub parametrization: Parametrization,
    /// Activation of hidden layers that do not name their own.
    pub activation: Option<Activation>,
    /// Activation of the last layer.
    pub output_activation: Option<OutputActivation>,
    /// What training minimises.
    pub loss: Option<Loss>,
    /// The quantile of [`Loss::Quantile`], if it is not the loss's own.
    pub quantile: Option<f64>,
    /// How weights are drawn.
    pub initializer: Option<Initializer>,
    /// Where training starts, in place of an initializer.
    pub initial_parameters: Option<Vec<LayerParameters>>,
    /// Seed of the initial parameters, and of trainings that name none.
    pub seed: Option<u64>,
}

/// A checked model: its layers fit together and its loss goes with its output.
///
/// A row of its input is `[plain values…, code₁ … codeₘ]` for m embeddings, where one that is a bag has several codes. The first layer sees
/// `[plain values…, vector₁ … vectorₘ, values of waves…]`, each column times its factor, if there are factors.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidModelSpec {
    /// The layers, first to last; at least one.
    pub layers: Vec<ValidLayer>,
    /// Embeddings of the input's last columns, in their order. Empty in most models.
    pub embeddings: Vec<Embedding>,
    /// Columns of the input that come smoothly clipped and are seen without their clip, ascending: see
    /// [`Unclip`](crate::learning::layer::Unclip).
    pub unclipped: Vec<usize>,
    /// Waves of some of the input's columns.
    pub waves: Option<Waves>,
    /// Whether each column has a factor in front of the first layer.
    pub scale: bool,
    /// How large steps are against each other.
    pub parametrization: Parametrization,
    /// Activation of the last layer.
    pub output: OutputActivation,
    /// What training minimises.
    pub loss: Loss,
    /// How weights are drawn; `None` where the client gave the parameters to start from.
    pub initializer: Option<Initializer>,
    /// Seed of the initial parameters.
    pub seed: u64,
}

impl ValidModelSpec {
    /// Width of an input row: its plain values and the codes of each embedding.
    pub fn inputs(&self) -> usize {
        self.plain_inputs() + self.embeddings.iter().map(Embedding::columns).sum::<usize>()
    }

    /// Columns of the input that the first layer sees as they are; those behind them are codes.
    pub fn plain_inputs(&self) -> usize {
        self.embedded_inputs() - self.embeddings.iter().map(|embedding| embedding.dimensions).sum::<usize>()
    }

    /// Plain values and the vectors of embeddings: what waves stand beside.
    pub fn embedded_inputs(&self) -> usize {
        self.layers[0].inputs - self.waves.as_ref().map_or(0, Waves::outputs)
    }

    /// Whether something stands in front of the dense layers, as in networks for tables.
    pub fn has_front(&self) -> bool {
        !self.embeddings.is_empty() || !self.unclipped.is_empty() || self.waves.is_some() || self.scale
    }

    /// Width of an output row.
    pub fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].units
    }

    /// Values of all tables, parameters of waves, factors, weights and biases of all layers.
    pub fn parameter_count(&self) -> usize {
        let tables: usize = self.embeddings.iter().map(Embedding::parameter_count).sum();
        let waves = self.waves.as_ref().map_or(0, Waves::parameter_count);
        let factors = if self.scale { self.layers[0].inputs } else { 0 };
        tables + waves + factors + self.layers.iter().map(ValidLayer::parameter_count).sum::<usize>()
    }

    /// Whether targets are classes: `cross_entropy`, or `binary_cross_entropy` of a single output.
    pub fn classes(&self) -> Option<usize> {
        match (self.loss, self.outputs()) {
            (Loss::CrossEntropy, outputs) => Some(outputs),
            (Loss::BinaryCrossEntropy, 1) => Some(2),
            _ => None,
        }
    }
}

impl ModelSpec {
    /// Checks the whole specification. Returns it with the parameters to start from, if the client gave them: flat,
    /// layer after layer, weights before biases.
    ///
    /// # Errors
    /// The first setting that is out of range, does not go with another, or does not have the layers' shape.
    pub fn check(self) -> Result<(ValidModelSpec, Option<Vec<f32>>), SpecError> {
        check_widths(&self.layers)?;
        let loss = self.loss()?;
        let output = self.output(loss)?;
        check_output(output, loss, self.layers[self.layers.len() - 1].units)?;
        let layers = self.hidden_and_last()?;
        let embedded = self.check_waves(layers[0].inputs)?;
        check_embeddings(&self.embeddings, embedded)?;
        let seed = self.seed.unwrap_or(0);
        check_seed(seed)?;
        let (initializer, initial) = self.start(&layers)?;
        let ModelSpec { embeddings, unclipped, waves, scale, parametrization, .. } = self;
        let spec = ValidModelSpec {
            layers,
            embeddings,
            unclipped,
            waves,
            scale,
            parametrization,
            output,
            loss,
            initializer,
            seed,
        };
        check_size(spec.parameter_count())?;
        check_columns(&spec.unclipped, spec.plain_inputs(), "/unclipped")?;
        let with_waves = spec.waves.as_ref().map_or(&[][..], |waves| &waves.columns);
        check_columns(with_waves, spec.plain_inputs(), "/waves/columns")?;
        Ok((spec, initial))
    }

    fn loss(&self) -> Result<Loss, SpecError> {
        let loss = self.loss.unwrap_or(Loss::Mse);
        let Some(quantile) = self.quantile else { return Ok(loss) };
        let fits = matches!(loss, Loss::Quantile(_));
        require(fits, "/quantile", || "a quantile goes with the loss quantile alone".into())?;
        let within = quantile > 0.0 && quantile < 1.0;
        require(within, "/quantile", || format!("quantile is {quantile}; it lies between 0 and 1"))?;
        Ok(Loss::Quantile(quantile))
    }

    /// Inputs of the first layer, of `inputs`, that are no values of waves.
    fn check_waves(&self, inputs: usize) -> Result<usize, SpecError> {
        let Some(waves) = &self.waves else { return Ok(inputs) };
        waves.check_bounds()?;
        inputs.checked_sub(waves.outputs()).ok_or_else(|| {
            SpecError::shape("/waves", format!("the first layer has {inputs} inputs: too few for its waves"))
        })
    }

    /// How the parameters are drawn, or those the client gave.
    fn start(&self, layers: &[ValidLayer]) -> Result<(Option<Initializer>, Option<Vec<f32>>), SpecError> {
        match (self.initializer, &self.initial_parameters) {
            (initializer, None) => Ok((Some(initializer.unwrap_or_default()), None)),
            (Some(_), Some(_)) => {
                let detail = "give either `initializer` or `initial_parameters`, not both";
                Err(SpecError::invalid("/initial_parameters", detail))
            }
            (None, Some(given)) => {
                let front = self.waves.is_some() || self.scale || !self.unclipped.is_empty();
                let plain = self.embeddings.is_empty() && !front;
                require(plain, "/initial_parameters", || "a model for tables draws its parameters".into())?;
                Ok((None, Some(flatten(given, layers)?)))
            }
        }
    }

    /// The last layer's activation: its own entry's, `output_activation`, or the loss's default.
    fn output(&self, loss: Loss) -> Result<OutputActivation, SpecError> {
        let last = self.layers.len() - 1;
        let own = self.layers[last].settings.as_ref().and_then(|settings| settings.activation);
        match (own, self.output_activation) {
            (Some(own), Some(output)) if own != output => {
                let detail = "the last layer's own activation and `output_activation` differ: give one of them";
                Err(SpecError::invalid(format!("/layers/{last}/activation"), detail))
            }
            (Some(own), _) => Ok(own),
            (None, output) => Ok(output.unwrap_or(loss.default_output())),
        }
    }

    fn hidden_and_last(&self) -> Result<Vec<ValidLayer>, SpecError> {
        let last = self.layers.len() - 1;
        let pairs = self.layers.windows(2).enumerate();
        pairs.map(|(i, pair)| self.layer(i + 1, pair[0].units, &pair[1], i + 1 == last)).collect()
    }

    fn layer(&self, index: usize, inputs: usize, layer: &LayerSpec, last: bool) -> Result<ValidLayer, SpecError> {
        let dropout = layer.settings.as_ref().and_then(|settings| settings.dropout).unwrap_or(0.0);
        let pointer = format!("/layers/{index}/dropout");
        require((0.0..1.0).contains(&dropout), &pointer, || format!("dropout is {dropout}; it lies in 0 ≤ p < 1"))?;
        require(!last || dropout == 0.0, &pointer, || "the last layer takes no dropout".into())?;
        let own = layer.settings.as_ref().and_then(|settings| settings.activation);
        let activation = match own {
            _ if last => Activation::Identity,
            None => self.activation.unwrap_or(Activation::Relu),
            Some(OutputActivation::Elementwise(activation)) => activation,
            Some(OutputActivation::Softmax(_) | OutputActivation::Exp(_)) => {
                let detail = "softmax and exp are activations of the last layer only";
                return Err(SpecError::invalid(format!("/layers/{index}/activation"), detail));
            }
        };
        Ok(ValidLayer { inputs, units: layer.units, activation, dropout })
    }
}

fn check_size(parameters: usize) -> Result<(), SpecError> {
    if parameters <= MAX_PARAMETERS {
        return Ok(());
    }
    let detail = format!("the model would have {parameters} parameters; the most is {MAX_PARAMETERS}");
    Err(SpecError { kind: SpecErrorKind::TooLarge, pointer: "/layers".into(), detail })
}

/// Checks that `seed` is exact in a JSON number.
pub(in crate::learning) fn check_seed(seed: u64) -> Result<(), SpecError> {
    require(seed <= MAX_SEED, "/seed", || format!("seed is {seed}; the largest is {MAX_SEED}"))
}

fn check_output(output: OutputActivation, loss: Loss, units: usize) -> Result<(), SpecError> {
    let softmax = output == OutputActivation::SOFTMAX;
    let sigmoid = output == OutputActivation::Elementwise(Activation::Sigmoid);
    require(loss != Loss::BinaryCrossEntropy || sigmoid, "/output_activation", || {
        "binary_cross_entropy is measured on probabilities: output_activation must be sigmoid".into()
    })?;
    require(loss != Loss::CrossEntropy || softmax, "/output_activation", || {
        "cross_entropy is measured on probabilities that sum to 1: output_activation must be softmax".into()
    })?;
    require(loss != Loss::Poisson || output == OutputActivation::EXP, "/output_activation", || {
        "poisson is measured on rates: output_activation must be exp".into()
    })?;
    require(!softmax || units >= 2, "/layers", || {
        "softmax needs at least 2 outputs; for two classes with one output use binary_cross_entropy".into()
    })
}
