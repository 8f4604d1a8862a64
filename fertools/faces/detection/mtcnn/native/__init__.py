"""The three networks of the cascade in C++, compiled when fertools is installed.

`propose.cpp` has P-Net, `refine.cpp` R-Net and O-Net, `suppress.cpp` non-maximum suppression, and `resample.cpp` crops.
`areas.hpp` reads pixels. `build` compiles the code, and `library` loads it. `hamming.cpp` is no part of the cascade:
the audit of a split compares hashes with it.

The outputs equal those of `fertools.faces.detection.mtcnn.networks` to float32 rounding, and are two to five times as
fast on a CPU. General libraries are tuned for hundreds of channels, and these layers have ten to sixty-four.
"""
