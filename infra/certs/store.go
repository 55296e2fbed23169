package certs

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// store writes certificate and key. Both are complete on the disk before either
// takes its place: nobody reads half a file, and a full disk leaves the earlier
// pair whole.
func store(certFile string, der []byte, keyFile string, key *ecdsa.PrivateKey) error {
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode the key: %w", err)
	}
	newKey, err := stage(keyFile, "EC PRIVATE KEY", keyDER)
	if err != nil {
		return err
	}
	newCert, err := stage(certFile, "CERTIFICATE", der)
	if err != nil {
		return errors.Join(err, os.Remove(newKey))
	}
	if err := os.Rename(newKey, keyFile); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", keyFile, err), os.Remove(newKey), os.Remove(newCert))
	}
	if err := os.Rename(newCert, certFile); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", certFile, err), os.Remove(newCert))
	}
	return nil
}

// stage writes a temporary file, of mode 0600, beside the one that it is to
// become.
func stage(file, kind string, der []byte) (name string, err error) {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".new-*")
	if err != nil {
		return "", fmt.Errorf("write %s: %w", file, err)
	}
	err = pem.Encode(tmp, &pem.Block{Type: kind, Bytes: der})
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("write %s: %w", file, err), os.Remove(tmp.Name()))
	}
	return tmp.Name(), nil
}
