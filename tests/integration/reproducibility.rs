//! reproducibility
