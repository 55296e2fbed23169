package contracts

import _ "embed" // the contract's files

// OpenAPI is the HTTP part of the client contract, as the server shows it at
// /openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte

// AsyncAPI is the WebSocket part of the client contract, as the server shows it
// at /asyncapi.yaml.
//
//go:embed asyncapi.yaml
var AsyncAPI []byte
