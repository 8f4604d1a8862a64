"""The three networks of the cascade as machine code: C++ that is compiled when fertools is installed.

`areas.hpp` reads pixels, `propose.cpp` is P-Net, `refine.cpp` R-Net and O-Net, `suppress.cpp` what comes between them,
`warp.cpp` cuts crops, and `smooth.cpp` steadies landmarks; `build` compiles them, `library` loads what was compiled.

What the networks say is what those of `fertools.faces.networks` say, to float32 rounding, and they say it two to five
times as fast on a CPU: a library for all networks has layers of hundreds of channels in view, and here they are ten to
sixty-four.
"""
