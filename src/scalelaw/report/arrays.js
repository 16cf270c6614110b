"use strict";

// Arrays of numbers that Python has written as base64 (report/arrays.py).
const arrays = {
  unpack(text, type) {
    return new type(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  },
};
