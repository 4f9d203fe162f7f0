defmodule Bookend.MixProject do
  use Mix.Project

  def project do
    [
      app: :bookend,
      version: "0.1.0",
      elixir: "~> 1.14",
      description: "Bookend 1.0: a message protocol for byte streams",
      package: [
        licenses: ["MIT", "Apache-2.0"],
        links: %{},
        files: ["lib", "mix.exs", "README.md", "LICENSE-MIT", "LICENSE-APACHE"]
      ],
      elixirc_paths: paths(Mix.env()),
      deps: []
    ]
  end

  # Only a connection over TLS needs ssl: a program that makes such sockets names it itself, as the tests do.
  def application, do: [extra_applications: if(Mix.env() == :test, do: [:ssl], else: [])]

  # A program that uses the package compiles it in the environment prod, without the adapter and the chat client.
  defp paths(:prod), do: ["lib"]
  defp paths(_environment), do: ["lib", "programs"]
end
