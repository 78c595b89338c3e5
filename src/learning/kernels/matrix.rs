//! Matrices that are looked at, for products: a slice and strides, made in a few instructions.

use std::ops::Range;

use ndarray::ArrayView2;

/// A matrix within a slice.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major values in rows of `columns`.
    ///
    /// # Panics
    /// If they are no whole number of rows: that is a defect of the caller, as in all of this.
    pub fn new(values: &'a [f32], columns: usize) -> Self {
        assert!(values.len().is_multiple_of(columns), "a whole number of rows");
        Matrix { values, rows: values.len() / columns, columns, row_stride: columns, column_stride: 1 }
    }

    /// A view in row-major or column-major layout.
    ///
    /// # Panics
    /// If it is in neither.
    pub fn of(view: ArrayView2<'a, f32>) -> Self {
        let (rows, columns) = view.dim();
        match view.to_slice() {
            Some(values) => Matrix::new(values, columns),
            None => Matrix::new(view.reversed_axes().to_slice().expect("row-major or column-major"), rows).transposed(),
        }
    }

    /// Its transpose, in the same place.
    pub fn transposed(self) -> Self {
        let Matrix { values, rows, columns, row_stride, column_stride } = self;
        Matrix { values, rows: columns, columns: rows, row_stride: column_stride, column_stride: row_stride }
    }

    /// Some of its columns.
    pub fn columns(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.columns, "columns of the matrix");
        let start = if self.rows == 0 || range.is_empty() { 0 } else { range.start * self.column_stride };
        Matrix { values: &self.values[start..], columns: range.len(), ..self }
    }

    /// Some of its rows.
    pub fn rows(self, range: Range<usize>) -> Self {
        self.transposed().columns(range).transposed()
    }

    /// Rows, columns.
    pub(super) fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Where it starts, and the strides of rows and columns. All of its values lie within its slice.
    pub(super) fn parts(&self) -> (*const f32, usize, usize) {
        (self.values.as_ptr(), self.row_stride, self.column_stride)
    }
}

/// A matrix within a slice, to be written: columns lie side by side.
pub struct MatrixMut<'a> {
    values: &'a mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// Row-major values in rows of `columns`.
    ///
    /// # Panics
    /// As [`Matrix::new`].
    pub fn new(values: &'a mut [f32], columns: usize) -> Self {
        assert!(values.len().is_multiple_of(columns), "a whole number of rows");
        MatrixMut { rows: values.len() / columns, columns, row_stride: columns, values }
    }

    /// Without its first `skipped` columns.
    pub fn without_columns(self, skipped: usize) -> Self {
        let MatrixMut { values, rows, columns, row_stride } = self;
        assert!(skipped <= columns, "columns of the matrix");
        let start = if rows == 0 || skipped == columns { 0 } else { skipped };
        MatrixMut { values: &mut values[start..], rows, columns: columns - skipped, row_stride }
    }

    /// Rows, columns.
    pub(super) fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Where it starts, and the stride of rows. All of its values lie within its slice.
    pub(super) fn parts(&mut self) -> (*mut f32, usize) {
        (self.values.as_mut_ptr(), self.row_stride)
    }
}
