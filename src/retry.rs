//! What to do after an attempt: outcome × attempts made × policy × now → next step.
