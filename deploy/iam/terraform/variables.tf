variable "principal_arn" {
  description = "ARN of the identity that the exporter runs as; it is in another account than this role."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(root|(role|user)/.+)$", var.principal_arn))
    error_message = "Expected the ARN of a role, a user, or the root of an account."
  }
}

variable "external_id" {
  description = "The external_id of the exporter's configuration; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.external_id == null || can(regex("^[\\w+=,.@:/-]{2,}$", var.external_id))
    error_message = "Expected null, or at least 2 letters, digits and any of _+=,.@:/-."
  }
}

variable "role_name" {
  description = "The same in every account; the organization.role_name of the exporter's configuration."
  type        = string
  default     = "bedrock-batch-exporter"
}

variable "permissions_boundary_arn" {
  description = "A permissions boundary that your organization demands; null for none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
}
