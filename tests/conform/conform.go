// Package conform checks what a server sends against the contract: HTTP answers
// against openapi.yaml, frames against asyncapi.yaml.
package conform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gochat/gochat/contracts"
)

// Contract checks answers and frames. Safe for concurrent use.
type Contract struct {
	routes  routers.Router
	answers routers.Router // from the strict form of the file
	rows    []string
	client  map[string]*jsonschema.Schema
	server  map[string]*jsonschema.Schema
	content *jsonschema.Schema
}

// New reads the contract's files.
func New() (*Contract, error) {
	doc, routes, err := readCalls(contracts.OpenAPI)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	c := &Contract{routes: routes}
	text, err := strict(contracts.OpenAPI)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	if _, c.answers, err = readCalls(text); err != nil {
		return nil, fmt.Errorf("openapi.yaml, strict: %w", err)
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			c.rows = append(c.rows, method+" "+path)
		}
	}
	if err := c.readFrames(contracts.AsyncAPI); err != nil {
		return nil, fmt.Errorf("asyncapi.yaml: %w", err)
	}
	return c, nil
}

func readCalls(text []byte) (*openapi3.T, routers.Router, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, nil, err
	}
	doc.Servers = nil // calls match at any address
	routes, err := gorillamux.NewRouter(doc)
	return doc, routes, err
}

// Row returns the call's row, like `GET /api/users/{userId}`; "" when the contract has none.
func (c *Contract) Row(req *http.Request) string {
	route, _, err := find(c.routes, req)
	if err != nil {
		return ""
	}
	return route.Method + " " + route.Path
}

// Rows returns all calls of the contract.
func (c *Contract) Rows() []string { return c.rows }

// find finds the row of a call to any host.
func find(routes routers.Router, req *http.Request) (*routers.Route, map[string]string, error) {
	bare := req.Clone(req.Context())
	bare.URL.Scheme, bare.URL.Host, bare.Host = "", "", ""
	return routes.FindRoute(bare)
}

// Request returns an error when a call that the server has to accept violates the contract.
func (c *Contract) Request(req *http.Request, body []byte) error {
	route, params, err := find(c.routes, req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL.Path, err)
	}
	sent := req.Clone(req.Context())
	sent.Body = io.NopCloser(bytes.NewReader(body))
	return openapi3filter.ValidateRequest(req.Context(), &openapi3filter.RequestValidationInput{
		Request: sent, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
}

// Response returns an error when an answer violates the contract. Answers to calls
// that the contract does not have are not checked.
func (c *Contract) Response(req *http.Request, resp *http.Response, raw []byte) error {
	route, params, err := find(c.answers, req)
	if err != nil {
		return nil //nolint:nilerr // the contract does not have the call
	}
	err = openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: req, PathParams: params, Route: route,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
		},
		Status: resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(raw)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		return fmt.Errorf("%s %s: %d %s: %w", req.Method, req.URL, resp.StatusCode, raw, err)
	}
	if !json.Valid(raw) {
		return nil // other answers, as YAML and metrics, have no messages in them
	}
	var body any
	if err := json.Unmarshal(raw, &body); err != nil {
		return fmt.Errorf("%s %s: %w", req.Method, req.URL, err)
	}
	return c.systemContents(body)
}
