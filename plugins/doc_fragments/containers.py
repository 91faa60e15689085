# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation that the modules share: above all the container spec, which is written once, here."""

from __future__ import annotations


class ModuleDocFragment:
    """Each attribute is one fragment; `softwarecontainer.lxc.containers` alone is the container spec."""

    DOCUMENTATION = r"""
options:
  containers:
    description:
      - The containers of this host, one container spec each, all of them in one call.
      - Every stage takes the same specs and reads the part that it needs. A key that only another stage uses may
        always be present.
      - A key that is left out, or whose value is null, has the default given below.
      - Where one spec is invalid the whole call is refused before anything changes. The error names container, key
        and value, and for an unknown key the nearest known one.
      - No value may have a line break or another control character, except the lines of
        O(containers[].files[].content) and O(containers[].resolv_conf).
      - A path is absolute and has no C(.), C(..) or empty part. C(~) and variables are not expanded in it.
      - When left out, there are no containers to work on.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - What the container is called in LXC, and the name of its directory below O(lxc_path).
          - Letters, digits, C(_), C(-) and C(.), the first one a letter or a digit, at most 64 characters.
          - No two specs of a call may have the same name.
        type: str
        required: true
      state:
        description:
          - The state that M(softwarecontainer.lxc.container) brings the container to.
          - V(started) runs it, thawing it where it is frozen. V(frozen) starts it where that is needed and stops its
            processes from being scheduled. V(stopped) leaves no process of it. V(absent) stops it and removes its
            directory with all that is in it.
          - The modules M(softwarecontainer.lxc.rootfs), M(softwarecontainer.lxc.busybox) and
            M(softwarecontainer.lxc.config) do nothing for a container that is to be V(absent) and treat the other
            states alike.
        type: str
        choices: [started, stopped, frozen, absent]
        default: started
      hostname:
        description:
          - The host name in the container, C(lxc.uts.name).
          - Letters, digits, C(_), C(-) and C(.), the first one a letter or a digit, at most 64 characters.
          - When left out, the O(containers[].name).
        type: str
      install_prefix:
        description:
          - The directory in which the payload's software is installed, a path.
          - It is made in the rootfs. Where the target has it too, that one is bound over it, read-only.
        type: str
        default: /usr/local
      gateway_dir:
        description:
          - A directory on the target that the container sees, writable, as C(/gateways), a path. The sockets of the
            gateways are meant to lie there.
          - M(softwarecontainer.lxc.config) makes it where it is missing, with its parents, and gives it the mode
            O(containers[].gateway_dir_mode). It stays when the container is removed.
          - Each start makes it again where it has gone, such as below C(/run) after a boot, also a start by LXC alone.
          - It is mounted with C(nosuid) and C(nodev). What the target mounts below it after the start does not come along.
          - When left out, C(/gateways) is an empty directory of the rootfs.
        type: str
      gateway_dir_mode:
        description:
          - The mode of O(containers[].gateway_dir), three or four octal digits in quotes. A number without quotes is
            refused, because YAML reads C(0755) as 493.
          - It has no effect without O(containers[].gateway_dir).
        type: str
        default: "0777"
      directories:
        description:
          - Further directories of the rootfs. What is missing above one of them is made with the mode V(0755) and
            belongs to root.
          - One that is no longer declared is removed if it is empty.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Where the directory is in the container, a path.
            type: str
            required: true
          mode:
            description: The mode of the directory, three or four octal digits in quotes.
            type: str
            default: "0755"
          owner: &owner
            description:
              - The user that it belongs to, as a number, as the container counts them. V(0) is the container's root.
              - A number that the id map of the container does not have is refused.
            type: int
            default: 0
          group: &group
            description: The group that it belongs to, as a number, like the owner.
            type: int
            default: 0
      files:
        description:
          - Further files of the rootfs. What is missing above one of them is made with the mode V(0755) and belongs to
            root. A declared one takes the place of one that this collection makes by itself, such as C(/etc/passwd).
          - One that is no longer declared is removed if it is still as it was written.
          - No two files or directories may have the same path, and none may lie below a file.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Where the file is in the container, a path.
            type: str
            required: true
          mode:
            description: The mode of the file, three or four octal digits in quotes.
            type: str
            default: "0644"
          content:
            description:
              - The whole content of the file as text, or as a list of lines, each of which gets a line end.
              - When left out, the file is empty, unless there is a O(containers[].files[].src).
            type: raw
            default: ""
          src:
            description:
              - A file of the controller, of any content and size, whose content this one gets. It is looked for as
                M(ansible.builtin.copy) does, in C(files) of the role and of the playbook, and after that in C(files) of
                the inventory's folder; a template in C(templates).
              - Its content is sent once to a host, whatever the number of containers that have it, and only if the host
                does not have it yet. Digest and size are compared. The host keeps it in C(.objects) in O(lxc_path), for
                root alone, as long as one of its containers has it. Each container has a copy of its own.
              - The diff shows its digest, not its content.
              - A file that is encrypted with Ansible Vault is refused, unless it is a template.
              - When left out, the content is O(containers[].files[].content). Not both.
            type: str
          template:
            description:
              - Whether O(containers[].files[].src) is a template, as for M(ansible.builtin.template), with the variables
                of the task. Its text, of at most 1 MiB, is sent each time and shown in the diff, as if it were the
                O(containers[].files[].content).
            type: bool
            default: false
          owner: *owner
          group: *group
          on_change:
            description:
              - What follows in a running container when the file is new or has changed. V(reload) sends the signal that
                O(containers[].reload) names, which the spec needs then. V(leave) does nothing, and no restart is due.
                V(restart) restarts the container; it is refused where O(containers[].on_change) is V(leave).
              - If something has changed too that needs a restart, that is enough. The removal of a file that is no longer
                declared counts as any other change.
              - A reload that failed, or that a killed run did not come to, is still due, and the next run sees to it.
              - When left out, the container's own O(containers[].on_change).
            type: str
            choices: [restart, reload, leave]
      archive:
        description:
          - A tar archive of the controller that is unpacked into the rootfs, or a list of them. It is looked for and sent
            like the O(containers[].files[].src) of a file, and unpacked on the target once, plain or compressed with gzip,
            xz or zstd; the latter two need the module C(lzma) of the target's Python, and a program C(zstd) or Python 3.14.
          - Directories and files get the modes that the archive has, and belong to root. What O(containers[].files) and
            O(containers[].directories) declare takes their place.
          - Refused are links, devices, FIFOs and sparse files, paths that are absolute or lead out of the archive, an entry
            that is there twice or lies below a file, setuid and setgid bits, more than 20000 entries, what unpacks to more
            than there is room for, or to more than 100 MiB and 200 times its size.
          - An entry is compared, repaired, and removed when it is no longer in the archive, like a declared file.
        type: list
        elements: dict
        default: []
        suboptions:
          src:
            description: The archive on the controller.
            type: str
            required: true
          target:
            description:
              - The directory in the container for its entries, a path or V(/). It is made with the mode V(0755) where it is
                not declared, nor made by this collection.
              - An entry that a mount of the container would hide is refused.
            type: str
            required: true
          checksum:
            description:
              - The digest that the archive must have, such as C(sha256:) and 64 hexadecimal digits.
              - When left out, any archive will do.
            type: str
      resolv_conf:
        description:
          - The content of C(/etc/resolv.conf) in the container.
          - V(copy) copies the target's as it is when M(softwarecontainer.lxc.rootfs) runs. When the target's changes, the
            next run replaces the copy, and the container runs on. V(none) makes no such file. Anything else is the content
            itself, as text or as a list of lines, each of which gets a line end.
          - A name server on the target's loopback, such as C(127.0.0.53), answers no container that has a network of
            its own. V(copy) then takes the servers behind it, which systemd-resolved, NetworkManager or dnsmasq keep
            below C(/run); else the address of the bridge, where something on the target answers there, as C(lxc-net)
            does. The changes of M(softwarecontainer.lxc.rootfs) say what was taken. Where nothing is found the file
            is copied as it is, with a warning.
        type: raw
        default: copy
      busybox:
        description:
          - Where the container's busybox comes from. It is never setuid.
          - When left out, the target's busybox is copied, with all its applets.
        type: dict
        default: {}
        suboptions:
          method:
            description:
              - V(copy) copies the binary to C(/bin/busybox) of the rootfs. V(bind) binds the target's there,
                read-only, which saves flash. V(none) gives the container no busybox, which starts fastest.
            type: str
            choices: [copy, bind, none]
            default: copy
          path:
            description:
              - The busybox on the target, a path. One that is dynamically linked needs
                O(containers[].system_mounts), where its loader and libraries are.
              - When left out, the first one found in C(/usr/local/bin), C(/usr/local/sbin), C(/usr/bin),
                C(/usr/sbin), C(/bin) and C(/sbin).
            type: str
          applets:
            description:
              - Which applets get a link in C(/bin). V(all) stands for those that C(busybox --list) reports. A list
                names them, and one that this busybox does not have is an error. An empty list makes no links.
            type: raw
            default: all
      command:
        description:
          - The program that the container runs, with its arguments. PID 1 is C(init.lxc), which reaps zombies and hands
            C(SIGTERM) on, so that a stop is clean.
          - Between the two is a shell with a small script, C(/etc/softwarecontainer/command), which
            M(softwarecontainer.lxc.config) writes. It runs the program, records how it ends, and starts it again where
            O(containers[].restart) says so. It gets the words as they are given here; LXC would split them at blanks.
          - The shell is with O(containers[].system_mounts) the target's C(sh) below C(/usr), or else that of the
            container's busybox. Where there is neither, PID 1 runs the program itself, and a word that is empty, or has a
            blank or a quote, is refused.
          - When left out, the container idles, by C(/bin/busybox sleep) or by the target's C(sleep) below C(/usr).
        type: list
        elements: str
      init:
        description:
          - V(lxc) makes LXC's C(init.lxc) PID 1. Without O(containers[].system_mounts) the target needs
            C(init.lxc.static) for that.
          - A list is a program with its arguments that is PID 1 itself. O(containers[].command) cannot be given
            then, and LXC asks for a stop with C(SIGPWR) unless O(containers[].lxc) sets C(lxc.signal.halt). What is said
            of words with blanks in O(containers[].command) holds for it too.
        type: raw
        default: lxc
      reload:
        description:
          - The signal at which the container's command reads its configuration again, by its name such as V(HUP) or V(USR1),
            with or without C(SIG). C(KILL) and C(STOP) are refused, since no program can handle them.
          - It is sent for O(containers[].files[].on_change) and by the state C(reloaded) of
            M(softwarecontainer.lxc.container), to O(containers[].command), or to PID 1 where O(containers[].init) is a
            program. A program that does not handle the signal gets none, which is an error. One that ends within the time
            O(softwarecontainer.lxc.container#module:settle) of it is an error too.
          - A container that is to stay frozen gets the signal at once, and acts on it when it is thawed.
          - A change of this key alone restarts nothing.
          - When left out, there is no such signal.
        type: str
      log:
        description:
          - How the output of the container's programs is kept on the target, for M(softwarecontainer.lxc.logs). V(none)
            keeps none, and it goes to C(/dev/null).
          - It is what the O(containers[].command), or the O(containers[].init) of its own, and their children write to
            their standard output and standard error, and what any program writes to C(/dev/console). LXC's monitor
            writes it to C(log/output) in the container's directory. A program never waits for a full disk.
          - It needs a shell in the container, see O(containers[].command), and O(containers[].autodev). Where it is declared
            and these are missing, the container is refused.
          - The console is a terminal, so that programs write whole lines, and some of them colors.
          - When left out, two parts of 256K are kept where that is possible.
        type: raw
        suboptions:
          size:
            description:
              - How long the log may get, in bytes or with K, M or G, from 4096 to 1G. LXC rounds it up to a power of two.
              - A full log is kept as C(log/output.1), in place of the one before, so that there are two parts of this size.
            type: str
            default: 256K
          driver:
            description:
              - Where the output goes besides. V(syslog) also sends it to the target's syslog, and V(journald) to its
                journal, each line under the name of the container. V(file) sends it nowhere else.
              - A container is refused where the target has no such daemon, or not the program C(logger) or
                C(systemd-cat).
              - Two processes on the target do it while the container runs. They follow the log, so a daemon that hangs
                does not keep the container waiting.
            type: str
            choices: [file, syslog, journald]
            default: file
      restart:
        description:
          - Whether the O(containers[].command) is started again after it has ended. Neither Ansible nor anything else on
            the target is needed for it; with O(containers[].autostart) it also holds after a boot.
          - A small script does it, which runs the command as a child of C(init.lxc). It first kills what the command has
            left in the container. A container that is stopped, by this collection or by hand, stays stopped; so does one
            whose payload sends its own supervisor C(SIGTERM), which counts as being asked to end.
          - The supervisor records in C(/etc/softwarecontainer/runs) what it does. Where it cannot, a start and the gate are
            errors, because a command could crash again and again unseen.
          - The pause before a restart doubles each time, up to 60 seconds. A command that has run for 10 seconds begins
            again with the first pause.
          - After the last restart that is allowed the container ends, with the exit status of its command.
          - When left out, the command is never started again.
        type: dict
        default: {}
        suboptions:
          policy:
            description:
              - V(never) leaves the container stopped. V(on_failure) restarts a command that ends with another status than
                0, or by a signal. V(always) restarts it in any case.
              - It cannot be used with an O(containers[].init) of its own, and needs a shell in the container, see
                O(containers[].log).
            type: str
            choices: [never, on_failure, always]
            default: never
          delay:
            description: The first pause in whole seconds, from 1 to 86400.
            type: int
            default: 1
          limit:
            description:
              - How many restarts in a row there may be, from 1 to 1000000.
              - When left out, any number.
            type: int
      on_change:
        description:
          - What becomes of a running container whose rootfs, busybox or config has changed since it was started.
            V(restart) restarts it when M(softwarecontainer.lxc.container) runs. V(leave) lets it run, and
            M(softwarecontainer.lxc.container_info) says that a restart is needed.
          - A change of C(lxc.start.*), C(lxc.group), C(lxc.monitor.*) and C(lxc.log.*) needs no restart.
          - O(containers[].files[].on_change) says it for a single file.
        type: str
        choices: [restart, leave]
        default: restart
      ready:
        description:
          - What has to hold for the container to count as ready, one check each. M(softwarecontainer.lxc.ready) waits
            for it. It is not part of the rootfs or the config, so that a change of it changes nothing else.
          - Each check has exactly one of O(containers[].ready[].command), O(containers[].ready[].tcp) and
            O(containers[].ready[].file).
          - An empty list asks for nothing but a PID 1 that runs.
        type: list
        elements: dict
        default: []
        suboptions:
          command:
            description:
              - A program with its arguments that is run in the container, as M(softwarecontainer.lxc.exec) does it. The
                check holds where it ends with 0. It is run over and over, so it must be harmless and quick.
              - A failure is told with these arguments and with the last line that the program has printed, and a rollout
                keeps that in its ledger and its report. What the option C(secrets) has is masked there; neither may
                have any other secret in it.
              - When left out, no program is run.
            type: list
            elements: str
          tcp:
            description:
              - A port, from 1 to 65535. The check holds where something accepts a connection to it in the container's
                network namespace, at C(127.0.0.1), C(::1), or any other address that the container has.
              - When left out, no port is looked at.
            type: int
          file:
            description:
              - A path in the container. The check holds where something exists there, with links followed as the
                container follows them.
              - When left out, no file is looked for.
            type: str
          timeout:
            description:
              - How long it may take until the check holds, in seconds, from 0 to 86400. V(0) looks once.
            type: float
            default: 30.0
          stable:
            description:
              - How long the check has to go on to hold without a break, in seconds, from 0 to 86400. A break begins the
                time anew, as long as O(containers[].ready[].timeout) is not over. V(0) is content with one look.
            type: float
            default: 1.0
      after:
        description:
          - The containers of this host that this one needs, by their names. It is started when all of their checks in
            O(containers[].ready) hold, or where one has none, when it runs. It is stopped before them. That holds for a
            restart of both; the restart of one of them alone does not restart this one.
          - A container that runs already is asked too, but need not be V(started) by the same call. Of one that is not among
            O(containers) nothing is asked but that it runs.
          - Where one of them fails, or is not ready within the time of its checks, this container is not started, and its
            error says which. Where one has failed before anything was stopped, this container runs on as it is.
          - A name that no container has, a cycle, and a container that is not V(started) while this one is, are refused.
          - At boot LXC starts this container after them, by O(containers[].autostart.order), and a hook of the config
            waits until they are ready, as long as their checks may take, or 30 seconds for one without checks. Then it
            starts all the same, and a line in the target's log says so, for nobody would start it later. The hook waits
            too where LXC alone starts the container in another way. With O(containers[].autostart) enabled, all of them
            have to start at boot, and not in a later group. A check O(containers[].ready[].file) needs a shell in its
            container then.
          - To add or change it restarts nothing.
          - When the target is shut down, LXC stops containers in an order of its own.
        type: list
        elements: str
        default: []
      network:
        description:
          - The network interfaces of the container, in order.
          - When left out, one C(veth) on the bridge, called C(eth0), which is up. Where the bridge has a network of the
            target's own, as that of C(lxc-net), it has an address there, as with C(ipv4) V(auto). It has none where the
            bridge has no address, has a port that leads out of the target, or a gateway in its network, and where
            O(containers[].lxc) has a key C(lxc.net.*). A warning says so if the network has no address left.
          - An empty list gives the container a network namespace with the loopback interface alone.
          - Two containers of a host cannot have the same address or hardware address on the same link, the same
            C(lxc.net.N.veth.pair), or the same interface of the target. Those with O(containers[].state) V(stopped) may,
            unless O(containers[].autostart) is enabled.
        type: list
        elements: dict
        suboptions:
          type:
            description:
              - The type of the interface, C(lxc.net.N.type).
              - V(vlan) needs C(lxc.net.N.vlan.id) in O(containers[].lxc). V(none) is no interface but the target's
                own network, shared with the container; it needs O(containers[].security) with C(privileged) true, or no
                O(containers[].system_mounts), since a user namespace cannot have the C(/sys) of a network that is not
                its own.
            type: str
            choices: [veth, macvlan, ipvlan, vlan, phys, empty, none]
            default: veth
          link:
            description:
              - The interface of the target that this one hangs on, or for V(phys) the one that is moved into the
                container. At most 15 characters. It has to exist when M(softwarecontainer.lxc.config) runs.
              - An interface of type V(phys) is not on the target as long as the container runs, and comes back under its
                own name when the container stops. A run that stops one container and starts another one can hand it over.
                After a start that LXC gives up at the last moment, and after a kill of LXC's monitor, the kernel gives it
                back under the name that it had in the container.
              - When left out, the bridge given by the option C(bridge) of M(softwarecontainer.lxc.config) for the
                types V(veth), V(macvlan), V(ipvlan) and V(vlan). The type V(phys) needs it.
            type: str
          name:
            description:
              - The name of the interface in the container, at most 15 characters.
              - When left out, C(eth) and the place in the list, from 0. The types V(empty) and V(none) have no name.
            type: str
          flags:
            description:
              - V(up) brings the interface up when the container starts, V(down) leaves that to the container.
            type: str
            choices: [up, down]
            default: up
          hwaddr:
            description:
              - The hardware address, six pairs of hexadecimal digits with colons.
              - When left out, the kernel gives one, which differs from start to start.
            type: str
          mtu:
            description:
              - The largest packet in bytes, from 68 to 65535.
              - When left out, what the kernel gives the interface.
            type: int
          ipv4:
            description:
              - IPv4 addresses with prefix length, C(10.0.3.20/24). A single one may stand without its list.
              - V(auto) stands for a free address in the network of the bridge that the interface hangs on. It is outside of
                what C(lxc-net) gives by DHCP, no other container of the target has it or declares it, and it stays the
                same. The bridge becomes the gateway, unless the container declares one.
              - V(auto) is for the type V(veth). The bridge has to have an IPv4 address.
              - When left out, LXC sets none. The container may still get one by DHCP.
            type: list
            elements: str
            default: []
          ipv4_gateway:
            description:
              - The IPv4 default gateway, an address, or V(auto) for the address of the link, or V(dev) for a default
                route to the interface alone.
              - When left out, LXC sets no default route.
            type: str
          ipv6:
            description:
              - IPv6 addresses with prefix length, C(fd00:3::20/64). A single one may stand without its list.
              - When left out, LXC sets none.
            type: list
            elements: str
            default: []
          ipv6_gateway:
            description:
              - The IPv6 default gateway, an address, or V(auto) for the address of the link, or V(dev) for a default
                route to the interface alone.
              - When left out, LXC sets no default route.
            type: str
      ports:
        description:
          - Ports of the target that it hands on to the container, for as long as that runs. What arrives at any address of
            the target but loopback goes to the container, also from the target itself and from other containers.
          - It needs an interface of type C(veth) with an IPv4 address, which O(containers[].network) has by default where the
            bridge is that of C(lxc-net), and a target that forwards packets (C(net.ipv4.ip_forward)), as C(lxc-net) lets it.
          - Hooks of the container add rules with nftables where C(nft) is there and works, else with C(iptables), and remove
            them, also when LXC starts the container at boot. That they are there is read back after each start.
          - A port at which a process of the target listens for others, and one that is published for another container, are
            refused before the start. Those with O(containers[].state) V(stopped) may share one in a list, unless
            O(containers[].autostart) is enabled.
        type: list
        elements: dict
        default: []
        suboptions:
          target:
            description: The port of the target, from 1 to 65535.
            type: int
            required: true
          container:
            description:
              - The port of the container, from 1 to 65535.
              - When left out, the same as O(containers[].ports[].target).
            type: int
          protocol:
            description: The protocol.
            type: str
            choices: [tcp, udp]
            default: tcp
      autodev:
        description:
          - Whether LXC fills C(/dev) with a file system of its own that has the few devices every program expects,
            C(lxc.autodev).
        type: bool
        default: true
      tty:
        description:
          - How many C(/dev/ttyN) the container gets, from 0 to 1024, C(lxc.tty.max).
        type: int
        default: 1
      pty:
        description:
          - How many pseudo terminals the container may have, from 0 to 1048576, C(lxc.pty.max).
        type: int
        default: 1
      system_mounts:
        description:
          - Whether the container sees the target's C(/usr), C(/lib) and C(/usr/lib) and, where the target has them,
            C(/lib64) and C(/usr/lib64), read-only, and has C(/proc) and C(/sys).
          - The directory of the target's C(init.lxc), or without this of its C(init.lxc.static), is bound to
            C(/usr/sbin), read-only, in either case.
        type: bool
        default: true
      mounts:
        description:
          - Further mounts, made in this order after those that other keys ask for.
          - Root of the container cannot take the options from a mount of a file or directory of the target, also not
            where it keeps the capability C(sys_admin); a hook of LXC binds the sources beforehand then.
        type: list
        elements: dict
        default: []
        suboptions:
          source:
            description:
              - What is mounted. For the type V(none) a path on the target, which has to exist unless the mount is
                O(containers[].mounts[].optional). For another type what that file system takes, C(tmpfs) for example.
              - It is refused below what the container itself can write, such as its O(containers[].gateway_dir), where a hook
                would bind it - for a container that keeps C(sys_admin), and for an optional mount.
              - A device gets a node of its own in the container, with the container's root as its owner. It needs a rule
                in O(containers[].security.devices) too. In a directory of devices the nodes remain the target's.
            type: str
            required: true
          target:
            description:
              - Where it is mounted in the container, a path. It is made in the rootfs if it is missing. Below C(/dev), or
                below another mount of C(tmpfs), LXC makes it when it mounts. Below what is bound from the target it has
                to be there on the target.
            type: str
            required: true
          read_only:
            description:
              - Whether the container may only read what is mounted. That holds for what is mounted below the source too.
                What the target mounts there later does not come along, unless O(containers[].mounts[].options) has
                C(rslave), and then with options of its own.
              - A file system of the container's own, another O(containers[].mounts[].type), cannot be read-only where the
                container keeps C(sys_admin); that is refused.
            type: bool
            default: true
          optional:
            description:
              - Whether the container starts without this mount where its source is missing. Nothing else is excused. A
                source that appears later is there after the next start.
            type: bool
            default: false
          create:
            description:
              - What O(containers[].mounts[].target) is made as where it is missing, V(dir) for a directory and V(file) for
                an empty file.
              - When left out, as what the source is. A file system gets a directory, and so does an optional source that
                is not there, but below C(/dev) a file.
            type: str
            choices: [dir, file]
          type:
            description: The type of the file system. V(none) binds a directory or file of the target.
            type: str
            default: none
          options:
            description:
              - Further mount options, one word each, C(nosuid), C(rbind) or C(size=1M) for example. C(ro) or C(rw),
                C(bind) and C(optional) come from the other keys. C(create=) is refused.
            type: list
            elements: str
            default: []
      volumes:
        description:
          - Directories of the target for what has to outlive the container, such as a database. Each is
            C(.volumes/NAME/VOLUME) below O(lxc_path), with the names of the container and of the volume.
            M(softwarecontainer.lxc.config) makes it where it is missing, empty.
          - It is mounted writable, with C(nosuid) and C(nodev), and belongs to the ids of the container, also where these
            change. No other container has it.
          - It stays when the container is rebuilt, rolled back or removed, and when it is no longer declared, until
            M(softwarecontainer.lxc.container) removes it by its option C(remove_volumes). A checkpoint does not keep what
            is in it. M(softwarecontainer.lxc.container_info) lists all volumes.
          - The users of the target, root excepted, cannot reach what is in it.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The name of the volume, of the same letters as that of a container, once in a container.
            type: str
            required: true
          target:
            description:
              - Where it is mounted in the container, a path. It is made in the rootfs if it is missing.
              - It must neither lie below what else is mounted in the container nor hide it; nor may another mount lie below it.
            type: str
            required: true
          owner:
            description:
              - The owner of the volume as the container counts its ids, C("1000:1001") for a user and a group, or one number
                for both. The owner of what is in it is left alone.
              - When left out, root of the container owns the volume that is made, and an owner that the container gives it
                later stays.
            type: raw
          mode:
            description:
              - The mode of the volume, three or four octal digits in quotes.
              - When left out, the volume is made with V(0755), and a mode that the container gives it later stays.
            type: str
          size:
            description:
              - How much it may hold, from V(64K) to V(1024T), a number of bytes or with C(K), C(M), C(G) or C(T). It is rounded up to a
                multiple of 64 KiB. More is refused, by ext4 with "Disk quota exceeded". It can be changed, and taken away, while the container
                runs; a volume that holds more keeps what it has.
              - The kernel enforces it by a project quota of the file system that O(lxc_path) is on. ext4 (made with the features
                C(quota) and C(project)), XFS and F2FS have them if they are mounted with C(prjquota). Elsewhere, and in a container
                without a user namespace, whose root could lift it, a size is refused.
              - It can have as many files as parts of 4 KiB fit into its size, since files without content fill a file system too.
              - A checkpoint does not keep it, so a release that goes back leaves the size that the other one has set, as it does
                with owner and mode.
              - When left out, there is no limit but that of the file system.
            type: raw
      gateways:
        description: What the container may reach.
        type: dict
        default: {}
        suboptions:
          devices:
            description:
              - Devices of the target. For each, the container gets a node of its own below C(/dev), and a rule of the device
                cgroup in addition to O(containers[].security.devices).
              - In a user namespace the target's own node, which O(containers[].mounts) would bring, belongs to nobody.
              - The node is made before each start, also when the target boots. Where the device has other numbers than when
                the config was written, the start fails; the next run writes the new ones. A checkpoint keeps the old ones, so a
                way back leads to a container that does not start until that run.
              - Mode and owner are those of the start; root of the container may change them. More than one node of a device share
                one rule, with what any of them may do.
            type: list
            elements: dict
            default: []
            suboptions:
              source:
                description: The device on the target, a path.
                type: str
                required: true
              target:
                description: The node in the container, a path below C(/dev). By default that of the source.
                type: str
              mode:
                description: The mode of the node, octal digits in quotes, at most V(0777).
                type: str
                default: "0660"
              owner:
                description:
                  - The owner of the node as the container counts its ids, C("0:1001") for a user and a group, or one number
                    for both.
                type: raw
                default: "0:0"
              access:
                description: What the container may do, of C(r) to read, C(w) to write and C(m) to make further nodes, in this order.
                type: str
                default: rw
          network:
            description:
              - A packet filter in the network of the container, for IPv4 and IPv6. Nothing leaves the container and nothing
                enters it, but for answers, what rules name, and what IPv6 needs to find its neighbours. Its own loopback
                stays free. V({}) lets nothing pass.
              - A hook loads the rules before the container's first program runs, at boot and after a reboot of its own as
                well. A container whose rules cannot be loaded does not start. That they are in force is read back after
                each start and each change.
              - When only rules change, a running container gets the new ones all at once, without a restart, also where
                O(containers[].on_change) is V(leave). A connection that no rule allows any more is cut.
              - C(net_admin) and C(net_raw) are dropped too, as long as O(containers[].security.drop_capabilities) is left
                out. A list that keeps one of them is refused, and so is the network of the target, and a privileged container
                that keeps C(sys_admin), C(sys_module) or C(sys_rawio). Programs that set up the network cannot run then.
              - An interface needs an address in its spec, or one that is chosen for it, since no DHCP client can run in the
                container. Ports that are published need a rule that lets them in.
              - It is made with nftables where C(nft) works, else with C(iptables) and C(ip6tables). A target on which neither
                works is refused. It is tried in a network of its own, see M(softwarecontainer.lxc.preflight).
              - When left out, all packets pass.
            type: dict
            suboptions:
              outgoing:
                description:
                  - What the container may send, and whom it may connect to. What it is refused it is told at once.
                type: list
                elements: dict
                default: []
                suboptions:
                  to:
                    description:
                      - The other side, a list of IPv4 and IPv6 addresses and networks, or V(any). One alone needs no list.
                      - Names of hosts are refused, since a filter knows addresses alone.
                    type: raw
                    required: true
                  protocols:
                    description:
                      - V(tcp), V(udp) and V(icmp), which is ICMPv6 too. One alone needs no list.
                      - When left out, all of them; with O(containers[].gateways.network.outgoing[].ports) V(tcp) and V(udp).
                    type: list
                    elements: str
                  ports:
                    description:
                      - Ports of the other side, from 1 to 65535, as numbers and ranges such as V(8000-8010). One alone needs no list.
                      - When left out, all of them.
                    type: list
                    elements: raw
              incoming:
                description:
                  - What the container may be sent, and who may connect to it. What is refused gets no answer.
                type: list
                elements: dict
                default: []
                suboptions:
                  from:
                    description:
                      - The other side, a list of IPv4 and IPv6 addresses and networks, or V(any). One alone needs no list.
                      - Names of hosts are refused, since a filter knows addresses alone.
                    type: raw
                    required: true
                  protocols:
                    description:
                      - V(tcp), V(udp) and V(icmp), which is ICMPv6 too. One alone needs no list.
                      - When left out, all of them; with O(containers[].gateways.network.incoming[].ports) V(tcp) and V(udp).
                    type: list
                    elements: str
                  ports:
                    description:
                      - Ports of the container, from 1 to 65535, as numbers and ranges such as V(8000-8010). One alone needs no list.
                      - When left out, all of them.
                    type: list
                    elements: raw
      environment:
        description:
          - Environment variables of the container's first program, and of all that M(softwarecontainer.lxc.exec) runs,
            C(lxc.environment). Booleans, and numbers with a point, are refused; put them in quotes.
          - YAML reads C(022) as 18 and C(22:30) as 1350. A number that is written otherwise than it is read is refused, here
            and in all of a spec that is a text, where Ansible knows the file that it comes from. It does not know that of
            what C(-e) says directly.
          - A value that is secret is written with the key C(secret) and a name, under which the option C(secrets) has it.
            It appears in no output, diff or log, whatever the verbosity. On the target it stands in the container's
            config, which root alone can read.
        type: dict
        default: {}
      limits:
        description:
          - Limits of the container's cgroup, translated to the cgroup version in force on the target. They are read
            back after a start, and one that the kernel does not have in force is an error.
          - When left out, there are no limits.
        type: dict
        default: {}
        suboptions:
          memory:
            description:
              - The most memory, in bytes, or with C(K), C(M), C(G) or C(T) in powers of 1024, C(64M) for example.
              - When left out, there is no such limit.
            type: str
          memory_swap:
            description:
              - The most memory and swap together, in the same form. It needs O(containers[].limits.memory) and
                cannot be less than that.
              - When left out, there is no such limit.
            type: str
          cpu_shares:
            description:
              - The weight of the container where processors are scarce, from 2 to 262144. On cgroup version 2 it
                becomes a weight from 1 to 10000.
              - When left out, the kernel's own, which is 1024 on cgroup version 1 and a weight of 100 on version 2.
            type: int
          cpus:
            description:
              - How many processors' time the container may use, from 0.01 to 8192. V(0.5) is half of one processor.
              - When left out, there is no such limit.
            type: float
          pids:
            description:
              - The most processes and threads, from 1 to 4194304. PID 1 and the supervisor of the command are among them.
              - When left out, there is no such limit.
            type: int
      capabilities:
        description:
          - Names of capabilities that the container has beside those that every container has, in the order in which they count.
            What they stand for is in service manifests, and takes the place of the names on the controller, as O(containers[].environment),
            O(containers[].mounts), O(containers[].limits), O(containers[].gateways) and O(containers[].lxc). What the spec itself
            says in these wins.
          - A container with capabilities, an empty list included, that do not speak of the network can reach nobody, and nobody
            can reach it.
          - A name that is in no manifest is refused, and so is one that asks for what cannot be enforced.
          - When left out, it has those that every container has.
        type: list
        elements: str
        default: []
      security:
        description:
          - What is taken away from the container.
        type: dict
        default: {}
        suboptions:
          drop_capabilities:
            description:
              - Capabilities that no process of the container can have, in lower case and without C(cap_),
                C(lxc.cap.drop). A list given here replaces the default. An empty list drops none.
              - The default has C(sys_admin) only where O(containers[].init) is V(lxc). Without it nothing in the container
                can mount, or change its host name; a program that needs that gets a list without it.
              - C(net_admin) and C(net_raw) are dropped by default as well where O(containers[].gateways.network) is given.
            type: list
            elements: str
            default: [mac_admin, mac_override, sys_time, sys_module, sys_rawio, sys_admin]
          seccomp:
            description:
              - The filter of system calls, C(lxc.seccomp.profile). V(common) is LXC's own profile for all containers,
                which takes away loading modules, C(kexec) and opening files by handle. A path is that of a profile on
                the target. V(none) filters nothing.
              - A target that cannot do it is refused.
            type: str
            default: common
          apparmor:
            description:
              - The AppArmor profile, C(lxc.apparmor.profile). On a target whose kernel has no AppArmor, a profile other
                than V(unconfined) and V(unchanged) is refused, because LXC would start the container without it.
              - When left out, the one that LXC takes by itself.
              - A profile that is not loaded, that of LXC included, fails before the start, where that can be read.
            type: str
          selinux:
            description:
              - The SELinux context, C(lxc.selinux.context). A target without SELinux is refused.
              - When left out, the one that LXC takes by itself.
            type: str
          no_new_privs:
            description:
              - Whether setuid programs and file capabilities give no further rights in the container,
                C(lxc.no_new_privs).
            type: bool
            default: true
          sys:
            description:
              - How C(/sys) is mounted where O(containers[].system_mounts) is true, C(lxc.mount.auto). V(ro) is
                read-only, V(mixed) leaves C(/sys/devices/virtual/net) writable, V(rw) all of it.
            type: str
            choices: [ro, mixed, rw]
            default: ro
          devices:
            description:
              - The devices that the container may use beside the usual ones, by rules of device cgroups such as
                V(c 10:200 rwm). The usual ones are C(null), C(zero), C(full), C(random), C(urandom), C(tty),
                C(console), C(ptmx) and pseudo terminals. The node itself is for O(containers[].mounts) to bring in.
              - V(all) restricts nothing.
            type: raw
            default: []
          privileged:
            description:
              - Whether to go without a user namespace, so that root in the container is root on the target, within the
                limits of the other keys. This is no boundary for a program that wants to get out.
              - Otherwise the container gets 65536 ids of its own out of the ranges that C(/etc/subuid) and
                C(/etc/subgid) of the target give to root. They are the same at each run and no other container has
                them. A target that cannot do it is refused.
            type: bool
            default: false
          idmap:
            description:
              - The ids of the user namespace, where they are not to be chosen, in LXC's form, C(u 0 100000 65536) for
                users and C(g 0 100000 65536) for groups. The numbers are the first id in the container, the first id on
                the target, and how many there are.
              - Where the target has C(newuidmap) they have to be allowed to root in C(/etc/subuid) and C(/etc/subgid).
            type: list
            elements: str
            default: []
      autostart:
        description:
          - Whether and how LXC itself starts the container when the target boots.
        type: dict
        default: {}
        suboptions:
          enabled:
            description: Whether it is started, C(lxc.start.auto).
            type: bool
            default: false
          order:
            description:
              - Its place among the others, any 32-bit integer; a lower one starts earlier, C(lxc.start.order). One that is not
                higher than those of all containers in O(containers[].after) is refused.
              - When left out, 0, or where the container comes after others, the next one after theirs.
            type: int
          delay:
            description: How long LXC waits before it starts the next one, in seconds, from 0 to 86400.
            type: int
            default: 0
          groups:
            description:
              - The groups that the container belongs to, C(lxc.group). Those in the group C(onboot) are started first.
            type: list
            elements: str
            default: []
      lxc:
        description:
          - Further keys of the LXC config, each with a value or a list of values, for what no other key of the spec
            stands for. They come last in the config, and LXC has to take them.
          - C(lxc.rootfs.path), C(lxc.uts.name), C(lxc.init.cmd), C(lxc.environment) and C(lxc.ephemeral) are refused.
          - What is declared here is not looked into otherwise. C(lxc.hook.*) for example runs as root on the target.
          - LXC passes over the keys of the cgroup version that is not in force on the target. That is an error after the
            start, but not for a controller that has keys of both versions.
        type: dict
        default: {}
  defaults:
    description:
      - A container spec that is merged under each of O(containers), for what they have in common.
      - Dictionaries merge key by key, in depth. Anything else, lists included, is replaced by what the spec says.
      - When left out, nothing is merged.
    type: dict
    default: {}
notes:
  - Containers are independent of each other. One that fails does not stop the others. The module fails at the end, and
    its message names each container that failed, and why.
  - A directory below O(lxc_path) that this collection did not make is somebody else's container. It is neither changed
    nor removed.
"""

    CAPABILITIES = r"""
options:
  manifests:
    description:
      - Service manifests, which say what capabilities stand for, as files or directories of the controller. Of a directory they
        are the files that end in C(.json), C(.yml) or C(.yaml), by their names.
      - They are looked for where Ansible looks for files, in folders that are called C(manifests), and last beside the inventory.
      - They are those of SoftwareContainer as they are, the same as YAML, or our own form, see C(docs/capabilities.md).
      - They are read on the controller. Nothing of them has to be on the target.
    type: list
    elements: str
    default: []
  capabilities:
    description:
      - Names of the capabilities that every container has. They count by their names, before those that a container asks for.
      - With the first one no container is without a filter for packets any more.
    type: list
    elements: str
    default: []
  capability_settings:
    description:
      - What manifests do not say. C(incoming_ports) is C(refuse) or C(local), which takes ports of INCOMING rules as those of the
        container. C(hosts) has the addresses of hosts that rules name, as lists by their names. C(writable) is a list of
        directories of the target; elsewhere no capability may write.
    type: dict
    default: {}
"""

    LXC = r"""
options:
  lxc_path:
    description:
      - The directory on the target that holds the containers, an absolute path. It may lead through links. LXC is told it
        as it stands here, so that its tools find the containers by it.
      - When left out, LXC's own, which C(lxc-config lxc.lxcpath) prints.
    type: path
  runtime:
    description:
      - How LXC is reached. V(binding) is the Python module C(lxc) on the target, V(tools) the programs C(lxc-start),
        C(lxc-info) and so on.
      - With V(binding) too containers are started by C(lxc-start) where that is in E(PATH) and of the same LXC, since LXC's
        monitor of each then needs a third of the memory.
      - V(auto) takes the binding where the target's Python has it, and the tools where it does not.
    type: str
    choices: [auto, binding, tools]
    default: auto
requirements:
  - LXC on the target, as the Python module C(lxc) or as programs in E(PATH)
  - Python 3.8 or later on the target
  - Linux and root on the target
"""

    BRIDGE = r"""
options:
  bridge:
    description:
      - The interface of the target that a network interface hangs on where its spec names no
        O(containers[].network[].link). At most 15 characters.
    type: str
    default: lxcbr0
"""

    EARLIER = r"""
options:
  failed_earlier:
    description:
      - The containers that an earlier stage has failed for, a dictionary from name to reason. They are left as they
        are, and count as failed here too, so that the last stage names all failures of the chain.
      - It is meant for plays that run the stages one by one, and in which one container that fails does not stop the
        others, as M(softwarecontainer.lxc.containers) does by itself.
      - When left out, no stage has failed before.
    type: dict
    default: {}
"""

    SECRETS = r"""
options:
  secrets:
    description:
      - The values of what an environment calls a secret, a dictionary from name to value, each one line of text. They
        appear in no output, diff or log.
      - When left out, there are none.
    type: dict
    default: {}
"""

    SOURCES = r"""
options:
  sources:
    description:
      - What the controller says of its files that the specs name by O(containers[].files[].src), a dictionary. The
        collection fills it in, in the place of anything that a play says.
    type: dict
    default: {}
  incoming:
    description:
      - The directory on the target with the contents that the collection has sent. It fills this in too.
      - When left out, nothing was sent.
    type: path
"""

    LOOK_AHEAD = r"""
options:
  look_ahead:
    description:
      - Tell under RV(pending) which of the later stages have something to do, so that a play can leave out the others.
        When nothing is to be done at all, one module then does the work of four.
      - When left out, nothing is said of the later stages.
    type: dict
    suboptions:
      bridge:
        description: The O(softwarecontainer.lxc.config#module:bridge) that the later stages will get.
        type: str
        default: lxcbr0
      prune:
        description: The O(softwarecontainer.lxc.container#module:prune) that the last stage will get.
        type: bool
        default: false
"""

    LIFECYCLE = r"""
options:
  name:
    description:
      - The containers to bring to O(state), a name or a list of names, instead of O(containers).
      - A container that is given by its name is not restarted because of a change.
      - When left out, the work is that of O(containers).
    type: list
    elements: str
  state:
    description:
      - The state for the containers given by O(name), without which it is refused. The first four states are those of
        O(containers[].state).
      - V(restarted) stops a container and starts it again, each time. V(reloaded) sends the signal that
        O(containers[].reload) names, each time; a container without that key is refused. Both start a container that does
        not run, thaw one that is frozen, and count as a change, as with M(ansible.builtin.service).
      - When left out, they are started.
    type: str
    choices: [started, stopped, frozen, absent, restarted, reloaded]
  prune:
    description:
      - Whether every other container in O(lxc_path) that this collection made is removed, beside those that
        O(containers) declares. Without O(containers) that is all of them.
      - Together with O(name) it is refused unless O(state) is V(absent). All of them are removed then, those named and
        the others.
      - Containers of others are left alone.
    type: bool
    default: false
  remove_volumes:
    description:
      - Whether the O(containers[].volumes) of a container that is to be V(absent) are removed too, with all that is in
        them. Those of a container that is gone already are removed as well.
      - Together with O(prune) it also removes the volumes of all other containers that are gone.
    type: bool
    default: false
"""

    TIMES = r"""
options:
  settle:
    description:
      - How long the PID 1 of a container that was started has to stay alive, in seconds, from 0 to 86400. The
        containers of a call are watched together, each from its own start on.
    type: float
    default: 0.5
  stop_timeout:
    description:
      - How long to wait for a clean stop before a container is killed, in seconds, from 0 to 86400. The containers of
        a call are waited for together.
    type: float
    default: 10.0
  start_timeout:
    description:
      - How long LXC may take to start one container, in seconds, from 0 to 86400. One that takes longer is an error
        and is killed.
    type: float
    default: 30.0
"""

    WAIT_READY = r"""
options:
  wait_ready:
    description:
      - Whether to wait at the end until every check in O(containers[].ready) of every container that is to be started
        holds, as M(softwarecontainer.lxc.ready) does, and to fail where one does not hold in its time.
      - That is part of the same run on the target. It waits also where nothing was changed, since what is unchanged
        may have broken, and not at all where no container has checks, or in check mode.
    type: bool
    default: true
"""

    ATTRIBUTES = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and tell what would change without changing anything on the target.
  diff_mode:
    description: Returns what has changed, or in check mode what would change, when in diff mode.
  platform:
    description: The operating systems of targets that it works on.
    platforms: linux
    support: full
  action_group:
    description: Use C(group/softwarecontainer.lxc.lxc) in C(module_defaults) to set options of all modules at once.
    membership:
      - softwarecontainer.lxc.lxc
    support: full
"""
