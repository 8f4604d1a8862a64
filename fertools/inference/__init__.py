"""Work on single pictures: detect faces, align them, and predict or translate with a trained model."""
