//! The vectors that places of a picture are compared with.

/// The unit vectors of all names, class by class, the background's last.
#[derive(Debug)]
pub struct ClassVectors {
    /// How many names each class has.
    names: Vec<usize>,
    background: bool,
    /// `[names, projection]`
    vectors: Vec<Vec<f32>>,
}

impl ClassVectors {
    /// Classes of so many names each, whose vectors come one after the other, and one class more for
    /// the background if it has names.
    pub(super) fn new(
        mut names: Vec<usize>,
        mut vectors: Vec<Vec<f32>>,
        mut background: Vec<Vec<f32>>,
    ) -> Self {
        let has_background = !background.is_empty();
        if has_background {
            names.push(background.len());
            vectors.append(&mut background);
        }
        Self {
            names,
            background: has_background,
            vectors,
        }
    }

    /// Number of classes, the background counted in.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.names.len()
    }

    /// Whether the last class is the background.
    #[must_use]
    pub fn has_background(&self) -> bool {
        self.background
    }

    /// The unit vectors, `[names, projection]`.
    #[must_use]
    pub fn vectors(&self) -> &[Vec<f32>] {
        &self.vectors
    }

    /// Each class takes, at each place, the largest cosine of its names.
    ///
    /// # Shapes
    ///
    /// - `cosines`: `[names, places]`
    /// - output: `[classes, places]`
    #[must_use]
    pub fn max_over_names(&self, cosines: &[f32], places: usize) -> Vec<f32> {
        let mut rows = cosines.chunks_exact(places);
        let mut values = Vec::with_capacity(self.classes() * places);
        for &names in &self.names {
            let mut best = vec![f32::NEG_INFINITY; places];
            for row in rows.by_ref().take(names) {
                for (best, cosine) in best.iter_mut().zip(row) {
                    *best = best.max(*cosine);
                }
            }
            values.extend(best);
        }
        values
    }

    /// The cosines of each class with places that are unit vectors on the host.
    ///
    /// # Shapes
    ///
    /// - `places`: `[places, projection]`
    /// - output: `[classes, places]`
    #[must_use]
    pub fn scores(&self, places: &[Vec<f32>]) -> Vec<f32> {
        let cosines: Vec<f32> = self
            .vectors
            .iter()
            .flat_map(|word| places.iter().map(move |place| dot(word, place)))
            .collect();
        self.max_over_names(&cosines, places.len())
    }
}

/// The inner product, summed in the order of the numbers.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
