# bash completion for weir
_weir()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words files=
	case $prev in
	--config | -c | --prices)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--mode) words="redacted unredacted" ;;
	--directory)
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--set | --exporter | --to | --endpoint | --provider | --in | --out | --cached | --cache-write | --reasoning | --at) return ;;
	*)
		case $command in
		components) words="--json $(weir components 2>/dev/null | awk '/^  /{print $1}')" ;;
		demo) words="--endpoint --help" ;;
		dlq) words="list show replay purge --config --set --directory --exporter --to --all --json --help" ;;
		explain) words="--config --set --to --help" files=yes ;;
		price) words="--provider --in --cached --cache-write --out --reasoning --at --prices --help" ;;
		print-config) words="--config --set --mode --help" ;;
		queue) words="--config --set --directory --json --help" ;;
		schema | version) words="--help" ;;
		*) words="--config --set --help" ;;
		esac
		if [ "$COMP_CWORD" = 1 ]; then
			words="run validate print-config components schema price explain demo queue dlq version --config --set --json --help --version" files=
		fi
		;;
	esac
	mapfile -t COMPREPLY < <(
		compgen -W "$words" -- "$cur"
		[ -z "$files" ] || compgen -f -- "$cur"
	)
}
complete -o filenames -F _weir weir
