"""The three networks of the cascade as machine code: C++ that is compiled when fertools is installed.

`areas.hpp` reads pixels, `propose.cpp` is P-Net, `refine.cpp` R-Net and O-Net, `suppress.cpp` what comes between them,
`warp.cpp` cuts crops, and `smooth.cpp` steadies landmarks; `build` compiles them, `library` loads what was compiled.

Their outputs equal those of `fertools.faces.detection.mtcnn.networks` to float32 rounding, two to five times as fast on
a CPU: a library for all networks is tuned for hundreds of channels, and these layers have ten to sixty-four.
"""
