//! Query text: placeholders, conversion to server-side parameters, quoting.
