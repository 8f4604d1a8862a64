"""What the documentation site generates while it is built: references from the code, pictures of drawn people."""
