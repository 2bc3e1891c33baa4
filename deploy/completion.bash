# bash completion for weir
_weir()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	case $prev in
	--config | -c)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	components)
		mapfile -t COMPREPLY < <(compgen -W "--json $(weir components 2>/dev/null | awk '/^  /{print $1}')" -- "$cur")
		return
		;;
	esac
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "run validate print-config components schema version --config --set --json --help --version" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -W "--config --set --help" -- "$cur")
	fi
}
complete -o filenames -F _weir weir
