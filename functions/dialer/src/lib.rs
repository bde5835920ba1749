//! Checks once more, reserves the line and places the call.
