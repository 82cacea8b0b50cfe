/** All optional: without any, Podman's socket is used where it answers, else a service of our own. */
export interface PodmanConnectionOptions {
  /**
   * Path of Podman's socket; no other is looked for, and no service is started.
   * @default CONTAINER_HOST (`unix:///path`), else the socket of this user, or of the system for root
   */
  readonly socketPath?: string | undefined;
  /**
   * `auto`: the socket when it answers, else a private `podman system service`, started by this program and ended with it. `private`: always that.
   * `none`: only the socket.
   * @default 'auto'
   */
  readonly service?: 'auto' | 'private' | 'none' | undefined;
  /** The program to start a private service with: its path, or a name on PATH. @default `podman` on PATH */
  readonly program?: string | undefined;
  /**
   * OCI runtime for all sandboxes: `crun`, `runc`, `runsc`, `kata`. A private service is started with it; one that answers at a socket must have it already.
   * @default Podman's own; `runc` on hosts with hybrid cgroups, which crun refuses
   */
  readonly ociRuntime?: string | undefined;
  readonly timeouts?:
    | {
        /** How long a socket may take to answer before it is passed over; never more than 3000. @default 3000 */
        readonly probeMs?: number | undefined;
      }
    | undefined;
}
