//! Strata layer 4: attention and other kernels
