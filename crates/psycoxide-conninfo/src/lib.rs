//! Connection strings, environment, passfile and service file: one typed Config.
