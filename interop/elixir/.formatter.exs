[inputs: ["*.exs", "{lib,programs,test}/**/*.{ex,exs}"], line_length: 110]
