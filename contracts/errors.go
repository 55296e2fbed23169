package contracts

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Code is an error code of the client contract.
type Code string

// The error codes of the client contract.
const (
	CodeInvalidArgument     Code = "invalid_argument"
	CodeUnauthenticated     Code = "unauthenticated"
	CodeInvalidCredentials  Code = "invalid_credentials"
	CodePermissionDenied    Code = "permission_denied"
	CodeNotFound            Code = "not_found"
	CodeMethodNotAllowed    Code = "method_not_allowed"
	CodeUsernameTaken       Code = "username_taken"
	CodeAlreadyExists       Code = "already_exists"
	CodeConflict            Code = "conflict"
	CodePayloadTooLarge     Code = "payload_too_large"
	CodeUnsupportedEncoding Code = "unsupported_encoding"
	CodeHeadersTooLarge     Code = "headers_too_large"
	CodeRateLimited         Code = "rate_limited"
	CodeUnavailable         Code = "unavailable"
	CodeInternal            Code = "internal"
)

// Spec says what an error code is on each wire.
type Spec struct {
	Code Code
	HTTP int
	GRPC codes.Code
	// Permanent: trying the same again gets the same answer.
	Permanent bool
	// Message is what people are told when the error brings no message of its own.
	Message string
}

// Errors is the one table of error codes. A gRPC status without our details is read as the first row with its gRPC code.
// The last row is that of CodeInternal, which stands for unknown codes.
var Errors = []Spec{
	{CodeInvalidArgument, http.StatusBadRequest, codes.InvalidArgument, true, "The request is not valid."},
	{CodeUnauthenticated, http.StatusUnauthorized, codes.Unauthenticated, true, "Log in first: the token is missing, wrong or expired."},
	{CodeInvalidCredentials, http.StatusUnauthorized, codes.Unauthenticated, true, "The username or the password is wrong."},
	{CodePermissionDenied, http.StatusForbidden, codes.PermissionDenied, true, "You are not allowed to do this."},
	{CodeNotFound, http.StatusNotFound, codes.NotFound, true, "There is no such thing here."},
	{CodeMethodNotAllowed, http.StatusMethodNotAllowed, codes.Unimplemented, true, "This path does not take this method."},
	{CodeAlreadyExists, http.StatusConflict, codes.AlreadyExists, true, "It exists already."},
	{CodeUsernameTaken, http.StatusConflict, codes.AlreadyExists, true, "This username is taken."},
	{CodeConflict, http.StatusConflict, codes.Aborted, true, "This is not possible in the present state."},
	{CodePayloadTooLarge, http.StatusRequestEntityTooLarge, codes.InvalidArgument, true, "The request is too large."},
	{CodeUnsupportedEncoding, http.StatusUnsupportedMediaType, codes.InvalidArgument, true, "The body must come as it is, without a Content-Encoding."},
	{CodeHeadersTooLarge, http.StatusRequestHeaderFieldsTooLarge, codes.InvalidArgument, true, "The request's headers are too large."},
	{CodeRateLimited, http.StatusTooManyRequests, codes.ResourceExhausted, false, "Too many requests; wait a little."},
	{CodeUnavailable, http.StatusServiceUnavailable, codes.Unavailable, false, "GoChat cannot do this right now; try again."},
	{CodeInternal, http.StatusInternalServerError, codes.Internal, false, "Something went wrong on the server."},
}

// Spec returns the row of c in Errors, or the row of CodeInternal when c is unknown.
func (c Code) Spec() Spec {
	for _, s := range Errors {
		if s.Code == c {
			return s
		}
	}
	return Errors[len(Errors)-1]
}

// Error is an error that a client may see. Its message is for people; its cause
// stays on the server.
type Error struct {
	Code    Code
	Message string
	// Fields is set for invalid_argument: the name of each wrong field, and what the field must be.
	Fields map[string]string
	// RetryAfterSeconds is set for rate_limited: after how many seconds the client may try again; 0 when not known.
	RetryAfterSeconds int
	cause             error
}

// NewError makes an error with a message for people; an empty message is the
// table's.
func NewError(code Code, message string) *Error {
	if message == "" {
		message = code.Spec().Message
	}
	return &Error{Code: code, Message: message}
}

// Invalid makes an invalid_argument error for one field; must says what the field has to be.
func Invalid(field, must string) *Error {
	return &Error{
		Code:    CodeInvalidArgument,
		Message: fmt.Sprintf("%s: %s", field, must),
		Fields:  map[string]string{field: must},
	}
}

// WithCause returns a copy that wraps cause for logs and errors.Is.
func (e *Error) WithCause(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// Error implements error; it includes the cause and is for logs, not for clients.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is matches any Error of the same code.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code
}

const errorDomain = "gochat"

// GRPCStatus lets a gRPC server send the error with its code, fields and RetryAfterSeconds; the cause is not sent.
func (e *Error) GRPCStatus() *status.Status {
	st := status.New(e.Code.Spec().GRPC, e.Message)
	info := &errdetails.ErrorInfo{Reason: string(e.Code), Domain: errorDomain}
	if e.RetryAfterSeconds > 0 {
		info.Metadata = map[string]string{"retry_after_seconds": fmt.Sprint(e.RetryAfterSeconds)}
	}
	bad := &errdetails.BadRequest{}
	for f, m := range e.Fields {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: f, Description: m})
	}
	if with, err := st.WithDetails(info, bad); err == nil {
		return with
	}
	return st
}

// AsError turns any error into one for clients: an *Error as it is, a gRPC
// status by its details or its code, a cancelled or expired context as
// unavailable, anything else as internal. The original becomes the cause.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return NewError(CodeUnavailable, "").WithCause(err)
	}
	if st, ok := status.FromError(err); ok && st.Code() != codes.Unknown {
		return fromStatus(st).WithCause(err)
	}
	return NewError(CodeInternal, "").WithCause(err)
}

func fromStatus(st *status.Status) *Error {
	e := &Error{Message: st.Message()}
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			if d.GetDomain() == errorDomain {
				e.Code = Code(d.GetReason())
				_, _ = fmt.Sscan(d.GetMetadata()["retry_after_seconds"], &e.RetryAfterSeconds)
			}
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				if e.Fields == nil {
					e.Fields = map[string]string{}
				}
				e.Fields[v.GetField()] = v.GetDescription()
			}
		}
	}
	if e.Code != "" {
		return e
	}
	// The message of a status without our details was not written for clients: they get the code's own message.
	code := CodeInternal
	switch st.Code() {
	case codes.Canceled, codes.DeadlineExceeded:
		code = CodeUnavailable
	case codes.Unimplemented: // the called process is older: not the fault of the client, and not permanent
	default:
		for _, s := range Errors {
			if s.GRPC == st.Code() {
				code = s.Code
				break
			}
		}
	}
	return NewError(code, "")
}

// IsUnknownCall reports whether the called process is of an older release that does not have the call. [AsError] makes
// internal of such an error, which a client may try again.
func IsUnknownCall(err error) bool { return status.Code(err) == codes.Unimplemented }

// IsPermanent reports whether trying again is useless. An error that is neither an *Error nor a gRPC status is not
// permanent.
func IsPermanent(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.Code.Spec().Permanent
	}
	if st, ok := status.FromError(err); ok && st.Code() != codes.Unknown {
		return fromStatus(st).Code.Spec().Permanent
	}
	return false
}
