//! Safe faces for the process, descriptor, credential and signal calls that the layers above need.
