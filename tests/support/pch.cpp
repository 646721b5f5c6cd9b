// Only there so that its target has a precompiled header for all tests to reuse.
