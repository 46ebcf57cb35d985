import { type IScaledObject, ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1';
import {
  type IPodMonitor,
  type IPrometheusRule,
  PodMonitor,
  PrometheusRule,
} from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import { Deployment, type IDeployment, type IStatefulSet, StatefulSet } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler, type IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import {
  type IIngress,
  type INetworkPolicy,
  Ingress,
  NetworkPolicy,
} from 'kubernetes-models/networking.k8s.io/v1';
import { type IPodDisruptionBudget, PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import {
  ConfigMap,
  type IConfigMap,
  type INamespace,
  type IPersistentVolumeClaim,
  type ISecret,
  type IService,
  type IServiceAccount,
  Namespace,
  PersistentVolumeClaim,
  Secret,
  Service,
  ServiceAccount,
} from 'kubernetes-models/v1';

/** Kubernetes' own types, and its operators', of the kinds that deploy/kubernetes has. */
export interface Kinds {
  'v1 ConfigMap': IConfigMap;
  'v1 Namespace': INamespace;
  'v1 PersistentVolumeClaim': IPersistentVolumeClaim;
  'v1 Secret': ISecret;
  'v1 Service': IService;
  'v1 ServiceAccount': IServiceAccount;
  'apps/v1 Deployment': IDeployment;
  'apps/v1 StatefulSet': IStatefulSet;
  'autoscaling/v2 HorizontalPodAutoscaler': IHorizontalPodAutoscaler;
  'keda.sh/v1alpha1 ScaledObject': IScaledObject;
  'monitoring.coreos.com/v1 PodMonitor': IPodMonitor;
  'monitoring.coreos.com/v1 PrometheusRule': IPrometheusRule;
  'networking.k8s.io/v1 Ingress': IIngress;
  'networking.k8s.io/v1 NetworkPolicy': INetworkPolicy;
  'policy/v1 PodDisruptionBudget': IPodDisruptionBudget;
}

/** Built with a manifest, `validate()` throws what its schema finds wrong. */
export const MODELS: Readonly<Record<string, new (manifest: never) => { validate(): void }>> = {
  'v1 ConfigMap': ConfigMap,
  'v1 Namespace': Namespace,
  'v1 PersistentVolumeClaim': PersistentVolumeClaim,
  'v1 Secret': Secret,
  'v1 Service': Service,
  'v1 ServiceAccount': ServiceAccount,
  'apps/v1 Deployment': Deployment,
  'apps/v1 StatefulSet': StatefulSet,
  'autoscaling/v2 HorizontalPodAutoscaler': HorizontalPodAutoscaler,
  'keda.sh/v1alpha1 ScaledObject': ScaledObject,
  'monitoring.coreos.com/v1 PodMonitor': PodMonitor,
  'monitoring.coreos.com/v1 PrometheusRule': PrometheusRule,
  'networking.k8s.io/v1 Ingress': Ingress,
  'networking.k8s.io/v1 NetworkPolicy': NetworkPolicy,
  'policy/v1 PodDisruptionBudget': PodDisruptionBudget,
} satisfies Record<keyof Kinds, unknown>;
