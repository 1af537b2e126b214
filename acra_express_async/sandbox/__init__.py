"""The sandbox for demo, tests and simulation.

It holds an embedded PostgreSQL, the provider simulator, a sample registry and a stand-in for the nightly; `testbed`
puts them together and starts the real service against them. Only the CLI and tests may import this room. The simulator
is not evidence about the providers: where they differ, the provider's documents and captured answers decide.
"""
