"""Code in C++, compiled when fertools is installed.

`propose.cpp` has P-Net of the face detector, `refine.cpp` its R-Net and O-Net, and `suppress.cpp` non-maximum
suppression. `resample.cpp` cuts crops, and `hamming.cpp` compares picture hashes. `areas.hpp` reads pixels. `build`
compiles the code, and `library` loads it.

The networks' outputs equal those of `fertools.faces.detection.mtcnn.networks` to float32 rounding, and are two to five
times as fast on a CPU. General libraries are tuned for hundreds of channels, and these layers have ten to sixty-four.
"""
