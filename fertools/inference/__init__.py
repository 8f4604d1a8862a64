"""What a user does with single pictures: find faces, align them, and let a trained model read or translate them."""
