"""Looking at a dataset: statistics, pictures of chosen faces, and the page to browse them."""
