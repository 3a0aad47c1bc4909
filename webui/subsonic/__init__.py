"""OpenSubsonic under `/rest`: what the players that people have speak.

One module a group of endpoints, each with a blueprint that `webui.app` registers. To add an
endpoint, decorate a function with `endpoint(blueprint, "name")` of `webui.subsonic.endpoints`: it
reads what it takes by `webui.subsonic.parameters`, and returns a tree that is written as JSON or
XML, None for an empty answer, or a response. It refuses by raising a SubsonicError, or one of
`werkzeug.exceptions` with a sentence. The official description that the tests hold the answers to:
https://opensubsonic.netlify.app.
"""
