//! What every store must pass, and the hosts to try it with.
