//! One definition of every option: flag, key, environment name, default, unit and text.
