"""Reports as HTML, Markdown, LaTeX and terminal tables."""
