// Command manifests reads a Compose file and a kustomization as Compose and Kubernetes do, refuses
// what they would refuse or ignore, and prints as JSON what the containers of Partita are started with.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// container is what one is started with.
type container struct {
	Name        string
	Command     []string
	Environment map[string]string
}

const image = "partita"

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: manifests COMPOSE-FILE KUSTOMIZATION-FOLDER"))
	}
	composed, err := compose(os.Args[1])
	if err != nil {
		fail(fmt.Errorf("%s: %w", os.Args[1], err))
	}
	clustered, err := kubernetes(os.Args[2])
	if err != nil {
		fail(fmt.Errorf("%s: %w", os.Args[2], err))
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string][]container{"Compose": composed, "Kubernetes": clustered}); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "manifests:", err)
	os.Exit(1)
}

// compose gives the containers of Partita in a Compose file. Variables come from the environment.
func compose(file string) ([]container, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithOsEnv)
	if err != nil {
		return nil, err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	var out []container
	for _, name := range project.ServiceNames() {
		s := project.Services[name]
		if s.Image != image {
			continue
		}
		c := container{Name: name, Command: s.Command, Environment: map[string]string{}}
		for k, v := range s.Environment {
			if v == nil {
				return nil, fmt.Errorf("service %s: %s has no value", name, k)
			}
			c.Environment[k] = *v
		}
		out = append(out, c)
	}
	return out, nil
}

// kubernetes gives the containers of Partita in a kustomization. A field that Kubernetes does not know
// is an error.
func kubernetes(folder string) ([]container, error) {
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, autoscalingv2.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var out []container
	for _, r := range made.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			return nil, err
		}
		object, _, err := decoder.Decode(text, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", r.GetKind(), r.GetName(), err)
		}
		deployment, is := object.(*appsv1.Deployment)
		if !is {
			continue
		}
		for _, c := range deployment.Spec.Template.Spec.Containers {
			if c.Image == image {
				out = append(out, container{Name: c.Name, Command: c.Args, Environment: environment(c)})
			}
		}
	}
	return out, nil
}

// environment gives a container's variables; what comes from elsewhere is said by its source's name.
func environment(c corev1.Container) map[string]string {
	env := map[string]string{}
	for _, e := range c.Env {
		switch from := e.ValueFrom; {
		case from == nil:
			env[e.Name] = e.Value
		case from.SecretKeyRef != nil:
			env[e.Name] = "secret " + from.SecretKeyRef.Name + "/" + from.SecretKeyRef.Key
		case from.FieldRef != nil:
			env[e.Name] = "field " + from.FieldRef.FieldPath
		}
	}
	for name, value := range env { // $(NAME) stands for another variable
		for other, text := range env {
			value = strings.ReplaceAll(value, "$("+other+")", text)
		}
		env[name] = value
	}
	return env
}
