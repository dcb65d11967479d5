//! Strata layer 2: PyTorch, torchvision, torchaudio, triton
